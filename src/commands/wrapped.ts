/** Broken at blanks to `width` columns, continued at `indent`; a long word stays whole, so that an ARN can be copied. */
export function wrapped(line: string, indent: string, width: number): string[] {
  const [, lead = "", text = ""] = /^( *)(.*)$/.exec(line) ?? [];
  const lines: string[] = [];
  let current = lead;
  for (const word of text.split(/ (?=\S)/)) {
    if (current.trim() !== "" && current.length + 1 + word.length > width) {
      lines.push(current);
      current = indent + word;
    } else current += current.trim() === "" ? word : ` ${word}`;
  }
  return [...lines, current];
}
