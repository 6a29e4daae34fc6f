/** A key that a person pressed, or text that they typed or pasted: printable, without line breaks. */
export type Key = { readonly name: "text"; readonly text: string } | { readonly name: KeyName };

export type KeyName =
  | "enter"
  | "escape"
  | "tab"
  | "backspace"
  /** Ctrl-U. */
  | "erase-line"
  /** Ctrl-W. */
  | "erase-word"
  /** Ctrl-D. */
  | "end-of-input"
  | "up"
  | "down"
  | "page-up"
  | "page-down"
  | "home"
  | "end";

const MAX_LENGTH = 64 * 1024;

let segmenter: Intl.Segmenter | undefined;

/** The line after a key that edits it; the same line for any other. A backspace takes what a person sees as one character. */
export function edited(line: string, key: Key): string {
  switch (key.name) {
    case "text":
      return line.length + key.text.length > MAX_LENGTH ? line : line + key.text;
    case "backspace": {
      segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
      // One character is never this long, and a pasted line may be.
      const tail = [...segmenter.segment(line.slice(-64))].at(-1)?.segment ?? "";
      return line.slice(0, line.length - tail.length);
    }
    case "erase-word":
      return line.replace(/\S*\s*$/, "");
    case "erase-line":
      return "";
    default:
      return line;
  }
}
