import { isDeepStrictEqual } from "node:util";
import { parse } from "smol-toml";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { TomlTable } from "../core/types.ts";
import { tableText } from "./toml-text.ts";

export interface NewTable {
  readonly path: readonly ["identity" | "profile", string];
  readonly table: TomlTable;
  /** The option that gives it another name. */
  readonly option: string;
}

/**
 * The text of a configuration file with these tables at its end, everything else as it was. One that is there already and says the same is
 * left alone.
 *
 * @param file how errors call it
 * @throws BrokerError CONFIG_INVALID where a table of that name says something else, or the text does not take another one
 */
export function withTables(text: string, file: string, tables: readonly NewTable[]): string {
  const before = parsed(text, file);
  const missing = tables.filter(({ path: [group, name], table, option }) => {
    const there = (before[group] as TomlTable | undefined)?.[name];
    if (there === undefined) return true;
    if (isDeepStrictEqual(plain(there), plain(table))) return false;
    throw new BrokerError(
      "CONFIG_INVALID",
      `${file} has a [${group}.${printable(name, 60)}] already, which says something else`,
      { hint: `--${option} with another name, or take that table away first` },
    );
  });
  if (missing.length === 0) return text;
  const end = /\r\n/.test(text) ? "\r\n" : "\n";
  const added = missing.map(({ path, table }) => tableText(path, table)).join("\n");
  const gap = text === "" || text === "\ufeff" ? "" : /\n$/.test(text) ? end : end + end;
  const after = text + gap + added.replaceAll("\n", end);
  checkAddition(before, after, file, missing);
  return after;
}

/** By the same parser that will read it: everything else says what it said. */
function checkAddition(before: TomlTable, after: string, file: string, added: readonly NewTable[]): void {
  let document: Record<string, unknown>;
  try {
    document = parse(after.replace(/^\ufeff/, ""));
  } catch {
    throw new BrokerError(
      "CONFIG_INVALID",
      `${file} has its identities or profiles in one inline table, to which nothing can be added`,
      { hint: "write it as [identity.NAME] and [profile.NAME] tables" },
    );
  }
  for (const {
    path: [group, name],
    table,
  } of added) {
    const tables = document[group] as Record<string, unknown>;
    if (!isDeepStrictEqual(plain(tables[name]), plain(table)))
      throw new BrokerError("UNEXPECTED", `[${group}.${printable(name, 60)}] would not be read as it was written`);
    delete tables[name];
    if (Object.keys(tables).length === 0 && before[group] === undefined) delete document[group];
  }
  if (!isDeepStrictEqual(plain(document), plain(before)))
    throw new BrokerError("UNEXPECTED", `${file} would not be read as before`);
}

function parsed(text: string, file: string): TomlTable {
  try {
    return parse(text.replace(/^\ufeff/, "")) as TomlTable;
  } catch (cause) {
    throw new BrokerError("CONFIG_INVALID", `${file} is not valid TOML, and nothing is added to it`, {
      hint: "sts-broker config check",
      cause,
    });
  }
}

/** Without prototypes, dates as text. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value) ?? "null");
}
