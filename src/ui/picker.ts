import { edited, type Key } from "../core/key.ts";
import { matching } from "../core/matching.ts";
import { type PickerChoice, visible } from "./choices.ts";

/** Where a person is in a list. */
export interface Picker {
  readonly filter: string;
  readonly found: readonly PickerChoice[];
  readonly chosen: number;
  readonly first: number;
}

export function openPicker(choices: readonly PickerChoice[]): Picker {
  return { filter: "", found: choices, chosen: 0, first: 0 };
}

/** After a key; `room` is how many entries are on the screen. Typing narrows the list and begins at its top. */
export function moved(picker: Picker, key: Key, choices: readonly PickerChoice[], room: number): Picker {
  const filter = edited(picker.filter, key);
  if (filter !== picker.filter) return { filter, found: matching(choices, filter), chosen: 0, first: 0 };
  const last = Math.max(0, picker.found.length - 1);
  const chosen = Math.min(last, Math.max(0, target(picker.chosen, key, last, room)));
  return { ...picker, chosen, first: visible(picker.found.length, chosen, picker.first, room).first };
}

function target(chosen: number, key: Key, last: number, room: number): number {
  switch (key.name) {
    case "up":
      return chosen - 1;
    case "down":
      return chosen + 1;
    case "page-up":
      return chosen - room;
    case "page-down":
      return chosen + room;
    case "home":
      return 0;
    case "end":
      return last;
    default:
      return chosen;
  }
}
