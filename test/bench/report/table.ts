import type { Measurement } from "../measurement.ts";
import { goalText, type Row } from "../row.ts";
import { figure, plus, times } from "./figures.ts";

/** What a measurement found, for a terminal. */
export function partOfTable({ name, summary }: Pick<Measurement, "name" | "summary">, rows: readonly Row[]): string {
  const lines = rows.map(cells);
  const head = ["", "build", "", "against", "ratio", "more", "cpu", "cpu ratio", "goal", ""];
  const used = head.map((_, column) => lines.some((line) => line[column] !== ""));
  const table = [head, ...lines].map((line) => line.filter((_, column) => used[column]));
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  const text = table.map((line) =>
    `  ${line.map((cell, column) => (column < 1 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ")}`.trimEnd(),
  );
  return `${name}: ${summary}\n${text.join("\n")}\n`;
}

function cells(row: Row): string[] {
  const { what, delayMs, build = "", value, unit, base, ratio, more, cpuMs, cpuRatio, goal, met } = row;
  return [
    delayMs === undefined ? what : `${what}, ${delayMs} ms`,
    build,
    figure(value, unit),
    base === undefined ? "" : figure(base, unit),
    times(ratio),
    plus(more, unit),
    cpuMs === undefined ? "" : figure(cpuMs, "ms"),
    times(cpuRatio),
    goal === undefined ? "" : goalText(goal, unit),
    met === undefined ? "" : met ? "met" : "MISSED",
  ];
}
