/** The command line of `npm run bench`. */
export interface BenchOptions {
  /** Default 60, with --quick 6. */
  readonly rounds: number;
  /** Names of measurements; undefined: all. */
  readonly only: readonly string[] | undefined;
  /** A file, or "-" for stdout. */
  readonly json: string | undefined;
  readonly record: boolean;
  readonly quick: boolean;
}

/** A command line that is not meant: its message is one line. */
export class UsageError extends Error {}

const USAGE = "npm run bench -- [--rounds N] [--only name,…] [--json [file]] [--record] [--quick]";

/** @throws UsageError */
export function parseOptions(args: readonly string[], names: readonly string[]): BenchOptions {
  const given = new Map<string, string>();
  const words = [...args];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [, option = word, inline] = /^(--[a-z]+)=(.*)$/s.exec(word) ?? [];
    if (!["--rounds", "--only", "--json", "--record", "--quick"].includes(option))
      throw new UsageError(`unknown argument "${word}": ${USAGE}`);
    if (given.has(option)) throw new UsageError(`${option} is there twice`);
    const takesValue = option === "--rounds" || option === "--only" || option === "--json";
    if (inline !== undefined && !takesValue) throw new UsageError(`${option} takes no value, not "${inline}"`);
    const next = words[0];
    const separate = takesValue && inline === undefined && next !== undefined && !next.startsWith("--");
    given.set(option, inline ?? (separate ? (words.shift() ?? "") : ""));
  }
  const options: BenchOptions = {
    quick: given.has("--quick"),
    record: given.has("--record"),
    json: given.has("--json") ? given.get("--json") || "-" : undefined,
    rounds: rounds(given.get("--rounds"), given.has("--quick")),
    only: only(given.get("--only"), names),
  };
  if (options.record && (options.quick || options.only !== undefined))
    throw new UsageError("--record keeps a whole run: leave --quick and --only out");
  return options;
}

function rounds(text: string | undefined, quick: boolean): number {
  if (text === undefined) return quick ? 6 : 60;
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 2 || count > 1_000)
    throw new UsageError(`--rounds takes a whole number from 2 to 1000, not "${text}"`);
  return count;
}

function only(text: string | undefined, names: readonly string[]): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const wanted = text.split(",").map((name) => name.trim());
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`--only knows ${names.join(", ")}, and not "${unknown}"`);
  return wanted;
}
