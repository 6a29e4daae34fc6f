import { describe, expect, it } from "vitest";
import { parseOptions, UsageError } from "./options.ts";

const NAMES = ["cached", "cold"];
const parse = (...args: string[]) => parseOptions(args, NAMES);

describe("the command line of the bench", () => {
  it("measures everything in 60 rounds unless it is told otherwise, and writes nothing", () => {
    expect(parse()).toEqual({ rounds: 60, only: undefined, json: undefined, record: false, quick: false });
  });

  it("takes all of its options, with blanks or equals signs", () => {
    const wanted = { rounds: 20, only: ["cold", "cached"], json: "run.json", record: false, quick: true };
    expect(parse("--rounds", "20", "--only", "cold, cached", "--json", "run.json", "--quick")).toEqual(wanted);
    expect(parse("--rounds=20", "--only=cold,cached", "--json=run.json", "--quick")).toEqual(wanted);
  });

  it("runs few rounds when it is to be quick, or as many as are asked for", () => {
    expect(parse("--quick").rounds).toBe(6);
    expect(parse("--quick", "--rounds", "9").rounds).toBe(9);
  });

  it.each([[["--json"]], [["--json", "--quick"]], [["--json", "-"]]])(
    "writes JSON to stdout without a file: %j",
    (args) => {
      expect(parse(...args).json).toBe("-");
    },
  );

  it.each([
    [["20"], 'unknown argument "20"'],
    [["--fast"], 'unknown argument "--fast"'],
    [["--rounds"], '--rounds takes a whole number from 2 to 1000, not ""'],
    [["--rounds", "1"], '--rounds takes a whole number from 2 to 1000, not "1"'],
    [["--rounds", "many"], '--rounds takes a whole number from 2 to 1000, not "many"'],
    [["--rounds", "1e2"], '--rounds takes a whole number from 2 to 1000, not "1e2"'],
    [["--only", "warm"], '--only knows cached, cold, and not "warm"'],
    [["--only"], '--only knows cached, cold, and not ""'],
    [["--quick=yes"], '--quick takes no value, not "yes"'],
    [["--quick", "--quick"], "--quick is there twice"],
    [["--record", "--quick"], "--record keeps a whole run: leave --quick and --only out"],
    [["--record", "--only", "cold"], "--record keeps a whole run: leave --quick and --only out"],
  ])("refuses %j in one line", (args, message) => {
    const attempt = (): unknown => parse(...args);
    expect(attempt).toThrow(UsageError);
    expect(attempt).toThrow(message);
    try {
      attempt();
    } catch (error) {
      expect((error as Error).message).not.toContain("\n");
    }
  });
});
