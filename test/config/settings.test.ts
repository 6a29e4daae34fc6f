import { describe, expect, it } from "vitest";
import { checkSettings } from "../../src/config/check-settings.ts";
import { judgeIdentity } from "../../src/config/identity.ts";
import type { SettingsSpec } from "../../src/core/settings.ts";
import type { TomlTable, TomlValue } from "../../src/core/types.ts";
import { IDENTITY_SOURCES } from "../../src/identity/registry.ts";

const MARKER = "hunter2marker";
const WHERE = { file: "/c.toml", path: ["identity", "corp"] };

function judged(spec: SettingsSpec[string], value: TomlValue, platform: NodeJS.Platform = "linux"): string | undefined {
  const [problem] = checkSettings({ x: value }, { x: spec }, WHERE, platform);
  return problem?.message;
}

describe("a setting of the type", () => {
  it.each([
    ["string", "a", undefined],
    ["string", "", "x is empty"],
    ["string", "a\nb", "x holds a control character"],
    ["string", "a\u0085b", "x holds a control character"],
    ["string", ["a"], "x must be a string"],
    ["string", {}, "x must be a string"],
    ["integer", 0, undefined],
    ["integer", -1, "x must be between 0 and 9007199254740991, not -1"],
    ["integer", 1.5, "x must be a whole number"],
    ["boolean", false, undefined],
    ["boolean", "false", "x must be true or false"],
    ["path", "/a", undefined],
    ["path", "~/a", undefined],
    ["path", "~ana/a", "x must be an absolute path or start with ~/"],
    ["path", "a", "x must be an absolute path or start with ~/"],
    ["path", "./a", "x must be an absolute path or start with ~/"],
    ["path", "C:\\a", "x must be an absolute path or start with ~/"],
    ["path", 1, "x must be a string"],
    ["argv", ["a", ""], undefined],
    ["argv", "a b", 'x must be a list of strings: ["program", "argument", …]'],
    ["argv", [], 'x must be a list of strings: ["program", "argument", …]'],
    ["argv", ["", "a"], 'x must be a list of strings: ["program", "argument", …]'],
    ["argv", ["a\0b"], 'x must be a list of strings: ["program", "argument", …]'],
    ["argv", [1], 'x must be a list of strings: ["program", "argument", …]'],
    ["strings", ["a"], undefined],
    ["strings", ["a", ""], "x must be a list of strings"],
    ["string-or-strings", "a", undefined],
    ["string-or-strings", ["a", "b"], undefined],
    ["string-or-strings", 1, "x must be a list of strings"],
    ["string-table", { a: "b" }, undefined],
    ["string-table", { a: 1 }, "x must be a table of strings"],
    ["string-table", { a: "\u001b" }, "x must be a table of strings"],
    ["string-table", "a", "x must be a table of strings"],
  ] as [SettingsSpec[string]["type"], TomlValue, string | undefined][])("%s with %j: %s", (type, value, message) => {
    expect(judged({ type, summary: "" }, value)).toBe(message);
  });

  it("path may have a drive on Windows", () => {
    for (const path of ["C:\\a", "d:/a", "\\\\server\\share"])
      expect(judged({ type: "path", summary: "" }, path, "win32")).toBeUndefined();
  });
});

describe("a setting that says where a secret is", () => {
  const judge = (value: TomlValue) => judged({ type: "secret", summary: "" }, value);
  it.each([
    [{ file: "/s" }],
    [{ file: "~/s" }],
    [{ env: "NAME" }],
    [{ credential: "name" }],
    [{ keychain: "name" }],
    [{ command: ["pass", "show"] }],
    [{ command: ["pass"], pass_env: ["GNUPGHOME"] }],
  ])("may be %j", (value) => expect(judge(value as TomlTable)).toBeUndefined());

  it.each([
    [{}, "x must name exactly one place"],
    [{ file: "/s", env: "S" }, "x must name exactly one place"],
    [{ file: "s" }, "x has a file that must be an absolute path or start with ~/"],
    [{ file: 1 }, "x has a file that must be a string"],
    [{ env: "" }, "x has a env that is empty"],
    [{ command: "pass show" }, 'x has a command that must be a list of strings: ["program", "argument", …]'],
    [{ command: [] }, 'x has a command that must be a list of strings: ["program", "argument", …]'],
    [{ env: "S", pass_env: ["A"] }, "x has a pass_env that is not a list of names beside a command"],
    [{ command: ["a"], pass_env: "A" }, "x has a pass_env that is not a list of names beside a command"],
    [{ value: MARKER }, 'x has the unknown key "value"'],
    [[MARKER], "x must say where the secret is"],
    [7, "x must say where the secret is"],
  ] as [TomlValue, string][])("may not be %j", (value, message) => expect(judge(value)).toBe(message));

  it("is refused bare with the right form, and not quoted", () => {
    const [problem] = checkSettings({ x: MARKER }, { x: { type: "secret", summary: "" } }, WHERE, "linux");
    expect(problem?.message).toBe("x is written into the file, where backups and colleagues read it");
    expect(problem?.hint).toContain('use { file = "/path" }');
    expect(JSON.stringify(problem)).not.toContain(MARKER);
  });
});

describe("an identity table", () => {
  const judge = (table: TomlTable) => {
    const result = judgeIdentity("corp", { file: "/c.toml", table }, IDENTITY_SOURCES, "linux");
    return "problems" in result ? result.problems : [];
  };
  const good = {
    type: "oidc-client-credentials",
    issuer: "https://idp.corp.example",
    client_id: "b",
    client_secret: { file: "/s" },
  };

  it("may be good", () => expect(judge(good)).toEqual([]));

  it("without a type, or with one nobody knows, is answered with what there is", () => {
    expect(judge({})[0]).toMatchObject({ path: ["identity", "corp", "type"], message: "[identity.corp] has no type" });
    expect(judge({ type: "oidc-client-credential" })[0]).toMatchObject({
      message: 'type "oidc-client-credential" is not a way to prove identity',
      hint: 'did you mean "oidc-client-credentials"?',
    });
    expect(judge({ type: "kerberos" })[0]?.hint).toBe(`known: ${IDENTITY_SOURCES.map(({ kind }) => kind).join(", ")}`);
  });

  it.each([[1], [true], [["x"]], [Object.create(null)], [[Object.create(null)]]] as [TomlValue][])(
    "whose type is not a string is a problem and not a crash",
    (type) => expect(judge({ type })[0]?.message).toBe("type must be a string"),
  );

  it("tells every problem, each with its key", () => {
    const problems = judge({ ...good, issuer: "http://idp.corp.example", client_id: 7, scoep: "x" });
    expect(problems.map(({ path }) => path.at(-1)).sort()).toEqual(["client_id", "issuer", "scoep"]);
    expect(problems.find(({ path }) => path.at(-1) === "scoep")?.hint).toBe('did you mean "scope"?');
  });

  it("names the key that does not go with the others", () => {
    const { client_secret: _, ...bare } = good;
    expect(judge(bare)[0]).toMatchObject({ path: ["identity", "corp", "client_id"] });
  });

  it.each(["__proto__", "constructor", "toString"])("knows no setting %s", (key) => {
    const table = JSON.parse(`{${JSON.stringify(key)}:"x"}`) as TomlTable;
    for (const [name, value] of Object.entries(good)) Object.assign(table, { [name]: value });
    expect(judge(table).map(({ message }) => message)).toContainEqual(expect.stringContaining("unknown key"));
  });

  it("of every source refuses every setting of the wrong type, by name", () => {
    for (const source of IDENTITY_SOURCES) {
      for (const [key, { type }] of Object.entries(source.settings)) {
        const wrong: TomlValue = type === "string-table" ? "x" : { nonsense: 1 };
        const problems = judge({ type: source.kind, [key]: wrong });
        expect(problems.some(({ path, message }) => path.at(-1) === key && message.startsWith(key))).toBe(true);
      }
    }
  });
});
