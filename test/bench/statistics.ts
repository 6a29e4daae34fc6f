/** What a few noisy numbers say. */

/** @throws Error for no numbers at all */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new Error("no numbers to take a median of");
  return (lower + upper) / 2;
}

/**
 * The median of `value / base`, round by round: what slowed a whole round down is in both.
 * @throws Error when they are not of the same rounds
 */
export function pairedRatio(values: readonly number[], bases: readonly number[]): number {
  return median(paired(values, bases, (value, base) => value / base));
}

/** The median of `value - base`, round by round. */
export function pairedDifference(values: readonly number[], bases: readonly number[]): number {
  return median(paired(values, bases, (value, base) => value - base));
}

function paired(
  values: readonly number[],
  bases: readonly number[],
  combine: (value: number, base: number) => number,
): number[] {
  if (values.length !== bases.length) throw new Error(`${values.length} rounds against ${bases.length}`);
  return values.map((value, round) => combine(value, bases[round] ?? Number.NaN));
}
