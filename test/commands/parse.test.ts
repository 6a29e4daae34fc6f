import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ProgramSpec, parse } from "../../src/commands/parse.ts";
import { parseHot } from "../../src/commands/parse-hot.ts";
import { COMMANDS, COMMON_OPTIONS } from "../../src/commands/registry.ts";
import { BrokerError } from "../../src/core/errors.ts";

const SPEC: ProgramSpec = {
  name: "sts-broker",
  version: "1.2.3",
  summary: "temporary AWS credentials",
  commands: COMMANDS,
  common: COMMON_OPTIONS,
};
const whole = (argv: readonly string[]) => parse(argv, SPEC);
const hot = (argv: readonly string[]) => parseHot(argv, COMMANDS, COMMON_OPTIONS);

function usage(argv: readonly string[]): BrokerError {
  try {
    whole(argv);
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

const options = [
  ...new Map(COMMANDS.flatMap((one) => [...one.options, ...COMMON_OPTIONS]).map((one) => [one.name, one])).values(),
];
const words = fc.oneof(
  fc.constantFrom(
    "",
    "-",
    "--",
    "---",
    "a b",
    "x=y",
    "=",
    "billing",
    "env",
    "json",
    "file",
    "auto",
    "--help",
    "-h",
    "-V",
    "--version",
    "--no-debug",
    "--__proto__",
    "-pf",
    "-",
  ),
  fc.string({ maxLength: 6 }),
);
const written = fc.constantFrom(...options).chain((option) =>
  fc.tuple(fc.oneof(words, fc.constantFrom(...(option.choices ?? ["a"]))), fc.nat(5)).map(([value, form]) => {
    const { name, short } = option;
    const forms: string[][] = [
      [`--${name}`],
      [`--${name}`, value],
      [`--${name}=${value}`],
      short === undefined ? [`--${name}`, value] : [`-${short}`, value],
      short === undefined ? [`-${name}`] : [`-${short}${value}`],
      [`--${name.slice(0, -1)}`, value],
    ];
    return forms[form] ?? [];
  }),
);
const argvs = fc
  .tuple(
    fc.constantFrom(...COMMANDS.flatMap(({ name, hot }) => (hot === true ? [name, name, name] : [name]))),
    fc.array(
      fc.oneof(
        written,
        words.map((one) => [one]),
      ),
      { maxLength: 5 },
    ),
  )
  .map(([name, rest]) => [...name.split(" "), ...rest.flat()]);

describe("the two parsers", () => {
  it("agree on every command line that the quick one takes", () => {
    let taken = 0;
    fc.assert(
      fc.property(argvs, (argv) => {
        const quick = hot(argv);
        if (quick === undefined) return;
        taken += 1;
        expect({ kind: "command", ...quick }).toEqual(whole(argv));
      }),
      { numRuns: 5_000 },
    );
    // Or the property would say nothing.
    expect(taken).toBeGreaterThan(100);
  });

  it("take the command lines that AWS tools run the quick way", () => {
    for (const argv of [
      ["credential-process"],
      ["credential-process", "--profile", "billing"],
      ["credential-process", "--profile=billing", "--debug"],
      ["env", "-p", "billing", "-f", "fish"],
    ])
      expect(hot(argv)).toBeDefined();
  });

  it("end in a command, in text or in a usage error, whatever is written", () => {
    fc.assert(
      fc.property(fc.oneof(argvs, fc.array(words, { maxLength: 4 })), (argv) => {
        try {
          expect(["command", "text"]).toContain(whole(argv).kind);
        } catch (error) {
          expect(error).toMatchObject({ name: "BrokerError", code: "USAGE", exitCode: 2 });
          expect((error as Error).message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a command line", () => {
  it("is parsed whole", () => {
    const argv = [
      "env",
      "-p",
      "billing",
      "--role-arn=arn:aws:iam::1:role/x",
      "--role-session-name",
      "{user}",
      "--duration-seconds",
      "900",
      "--region",
      "eu-west-1",
      "--store",
      "none",
      "--format",
      "json",
      "--debug",
    ];
    const expected = {
      options: {
        profile: "billing",
        "role-arn": "arn:aws:iam::1:role/x",
        "role-session-name": "{user}",
        "duration-seconds": "900",
        region: "eu-west-1",
        store: "none",
        format: "json",
        debug: true,
      },
      operands: [],
    };
    const result = whole(argv);
    expect(result).toMatchObject({ kind: "command", command: { name: "env" }, parsed: expected });
    expect(hot(argv)).toMatchObject({ command: { name: "env" }, parsed: expected });
  });

  it.each([
    [["exec", "--", "aws", "s3", "ls"], { options: {}, operands: ["aws", "s3", "ls"] }],
    [
      ["exec", "-p", "b", "aws", "--profile", "x", "-h"],
      { options: { profile: "b" }, operands: ["aws", "--profile", "x", "-h"] },
    ],
    [["exec", "-p", "b", "--", "--odd"], { options: { profile: "b" }, operands: ["--odd"] }],
    [["refresh"], { options: {}, operands: [] }],
    [
      ["refresh", "billing", "--spread", "300", "backup", "--", "-odd"],
      { options: { spread: "300" }, operands: ["billing", "backup", "-odd"] },
    ],
    [["token", "--claims"], { options: { claims: true }, operands: [] }],
    [["config", "show", "-p", "b"], { options: { profile: "b" }, operands: [] }],
    [["config", "check"], { options: {}, operands: [] }],
    [["env", "-p", "a", "-p", "b"], { options: { profile: "b" }, operands: [] }],
  ])("%j", (argv, parsed) => expect(whole(argv)).toMatchObject({ kind: "command", parsed }));

  it.each([
    [[], "no command was given", "sts-broker --help"],
    [["config"], "no command was given", "sts-broker --help"],
    [["credential-proces"], "unknown command 'credential-proces'", "did you mean credential-process?"],
    [["env", "--porfile", "x"], "unknown option '--porfile'", "did you mean --profile?"],
    [["env", "--profile"], "option '-p, --profile <NAME>' argument missing", "sts-broker env --help"],
    [["env", "operand"], "too many arguments for 'env'. Expected 0 arguments but got 1", "sts-broker env --help"],
    [["config", "check", "--profile", "x"], "unknown option '--profile'", "sts-broker config check --help"],
  ])("%j is refused with a hint", (argv, message, hint) => {
    const error = usage(argv);
    expect([error.exitCode, error.message, error.hint]).toEqual([2, message, hint]);
  });

  it("with a format that does not exist lists those that do", () => {
    expect(usage(["env", "--format", "bash"]).message).toMatch(/Allowed choices are .*\benv\b/);
  });

  it("may ask for help and the version, on stdout", () => {
    expect(whole(["--version"])).toEqual({ kind: "text", text: "1.2.3\n" });
    for (const argv of [["--help"], ["help"], ...COMMANDS.map(({ name }) => [...name.split(" "), "--help"])]) {
      const result = whole(argv);
      expect(result.kind === "text" ? result.text : "").toContain("Usage: sts-broker");
    }
  });

  it("asks for help of every option there is", () => {
    for (const { name, options: its } of COMMANDS) {
      const result = whole([...name.split(" "), "--help"]);
      for (const option of its) expect(result.kind === "text" ? result.text : "").toContain(`--${option.name}`);
    }
  });
});
