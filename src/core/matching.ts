export interface Searchable {
  readonly label: string;
  /** Found by it too, though it is not shown: an account's number where its alias is. */
  readonly also?: string | undefined;
}

/** Those that hold every word of the filter, in any order and case, as they were ordered. */
export function matching<C extends Searchable>(all: readonly C[], filter: string): readonly C[] {
  const words = folded(filter).split(/\s+/).filter(Boolean);
  if (words.length === 0) return all;
  return all.filter(({ label, also = "" }) => {
    const text = folded(`${label} ${also}`);
    return words.every((word) => text.includes(word));
  });
}

/** An ä that was typed as one character or as two is the same ä. */
function folded(text: string): string {
  return text.normalize("NFC").toLowerCase();
}
