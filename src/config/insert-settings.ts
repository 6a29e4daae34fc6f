import { type AST, parseTOML } from "toml-eslint-parser";

/**
 * A TOML document with settings added right below the header of a table; every other byte stays as it is.
 *
 * @param path of the table, as in ["profile", "billing"]
 * @returns undefined where the table has no header of its own (inline, dotted keys), or has one of the settings already
 */
export function withSettings(
  text: string,
  path: readonly string[],
  settings: Readonly<Record<string, string>>,
): string | undefined {
  const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  const body = text.slice(mark.length);
  const table = parseTOML(body).body[0].body.find(
    (node): node is AST.TOMLTable => node.type === "TOMLTable" && node.kind === "standard" && isAt(node, path),
  );
  if (table === undefined) return undefined;
  const own = table.body.map(({ key: { keys } }) => nameOf(keys[0]));
  if (Object.keys(settings).some((name) => own.includes(name))) return undefined;
  const lineEnd = body.indexOf("\n", table.key.range[1]);
  const header = lineEnd < 0 ? body : body.slice(0, lineEnd + 1);
  const newline = /\r\n/.test(lineEnd < 0 ? body : body.slice(table.range[0], lineEnd + 1)) ? "\r\n" : "\n";
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${JSON.stringify(value)}${newline}`);
  return `${mark}${header}${lineEnd < 0 ? newline : ""}${lines.join("")}${body.slice(header.length)}`;
}

function isAt({ resolvedKey }: AST.TOMLTable, path: readonly string[]): boolean {
  return resolvedKey.length === path.length && path.every((name, index) => name === resolvedKey[index]);
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted | undefined): string | undefined {
  return key?.type === "TOMLBare" ? key.name : key?.value;
}
