import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

export function document(name: string): string {
  return readFileSync(path.join(root, name), "utf8");
}

/** The blocks of a Markdown document that are in this language. */
export function markdownBlocks(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, its, block = ""]) =>
    its === language ? [block] : [],
  );
}

/** The literal blocks of an mdoc page, as they are read on the screen. */
export function manBlocks(page: string): string[] {
  return [...page.matchAll(/^\.Bd -literal.*\n([\s\S]*?)^\.Ed$/gm)].map(([, block = ""]) => withoutEscapes(block));
}

/** What an mdoc page says, macros aside. */
export function withoutEscapes(mdoc: string): string {
  return mdoc
    .replaceAll("\\-", "-")
    .replaceAll("\\(ti", "~")
    .replaceAll("\\(ha", "^")
    .replaceAll("\\(ga", "`")
    .replaceAll("\\(aq", "'")
    .replaceAll("\\(dq", '"')
    .replace(/\\\[u([0-9A-F]{4,6})\]/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replaceAll("\\&", "")
    .replaceAll("\\e", "\\");
}
