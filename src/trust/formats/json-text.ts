/** JSON in which nothing can move a cursor or reorder a line. @param indent blanks a level; 0: one line */
export function jsonText(value: unknown, indent: 0 | 2 = 2): string {
  return JSON.stringify(value, null, indent).replace(
    /[\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
