import type { Searchable } from "../core/matching.ts";

/** One of many, as a picker shows it. */
export interface PickerChoice extends Searchable {
  readonly value: string;
}

/** The slice of a long list that is on the screen: the chosen one is in it, and it moves no more than it must. */
export function visible(count: number, chosen: number, first: number, room: number): { first: number; end: number } {
  const last = Math.max(0, count - room);
  const from = Math.min(Math.max(first, chosen - room + 1), chosen, last);
  return { first: from, end: Math.min(count, from + room) };
}
