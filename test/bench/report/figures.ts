import type { Unit } from "../row.ts";

/** "12.3 ms", "163 ms", "3 requests": three digits are more than the noise leaves. */
export function figure(value: number, unit: Unit): string {
  return `${number(value)} ${unit}`;
}

/** "1.15 ×"; empty without a ratio. */
export function times(ratio: number | undefined): string {
  return ratio === undefined ? "" : `${ratio.toFixed(2)} ×`;
}

/** "+41.0 ms"; empty without a difference. */
export function plus(more: number | undefined, unit: Unit): string {
  return more === undefined ? "" : `${more < 0 ? "−" : "+"}${figure(Math.abs(more), unit)}`;
}

function number(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}
