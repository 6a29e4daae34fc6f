/** Edits between two words, Damerau-Levenshtein with adjacent swaps; small inputs only. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const above = rows[i - 1] ?? [];
      let cost = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (rows[i - 2]?.[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? Number.POSITIVE_INFINITY;
}

/** The known word somebody most likely meant: at most a third of it wrong. Undefined when nothing is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const fold = (text: string): string => text.toLowerCase().replaceAll("-", "_").slice(0, 80);
  let best: { name: string; edits: number } | undefined;
  for (const name of known) {
    const edits = distance(fold(word), fold(name));
    if (edits <= Math.max(1, Math.floor(name.length / 3)) && edits < (best?.edits ?? Number.POSITIVE_INFINITY))
      best = { name, edits };
  }
  return best?.name;
}

/** `did you mean "x"?`, or the list of what there is. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  if (near !== undefined) return `did you mean "${near}"?`;
  return known.length === 0 ? "" : `known: ${known.join(", ")}`;
}
