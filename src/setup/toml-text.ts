import type { TomlTable, TomlValue } from "../core/types.ts";

/** A table under its header, line by line, with tables inside it inline. @see TOML 1.0 */
export function tableText(path: readonly [string, string], table: TomlTable): string {
  const lines = Object.entries(table).map(([key, value]) => `${keyText(key)} = ${valueText(value)}`);
  return [`[${path.map(keyText).join(".")}]`, ...lines, ""].join("\n");
}

function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : quoted(key);
}

function valueText(value: TomlValue): string {
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  if (typeof value === "object" && !(value instanceof Date)) {
    const entries = Object.entries(value as TomlTable).map(([key, one]) => `${keyText(key)} = ${valueText(one)}`);
    return `{ ${entries.join(", ")} }`;
  }
  return String(value);
}

/** A basic string has JSON's escapes, and DEL may not stand in it either. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}
