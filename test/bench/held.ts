import type { Row } from "./row.ts";
import type { Cost } from "./runner.ts";
import { median, pairedDifference, pairedRatio } from "./statistics.ts";

/** The figures of a command's runs against those of another one that ran in turn with it. */
export function held(costs: readonly Cost[], base: readonly Cost[]): Required<HeldFigures> {
  const wall = costs.map(({ wallMs }) => wallMs);
  const cpu = costs.map(({ cpuMs }) => cpuMs);
  const wallOfBase = base.map(({ wallMs }) => wallMs);
  return {
    ...heldAgainst(wall, wallOfBase),
    cpuMs: median(cpu),
    cpuRatio: pairedRatio(
      cpu,
      base.map(({ cpuMs }) => cpuMs),
    ),
  };
}

type HeldFigures = Pick<Row, "value" | "unit" | "base" | "ratio" | "more" | "cpuMs" | "cpuRatio">;

/** Times in ms, by round. */
export function heldAgainst(
  values: readonly number[],
  bases: readonly number[],
): Required<Omit<HeldFigures, "cpuMs" | "cpuRatio">> {
  return {
    value: median(values),
    unit: "ms",
    base: median(bases),
    ratio: pairedRatio(values, bases),
    more: pairedDifference(values, bases),
  };
}
