/** One figure of a run. The file of history is made of these, so a field keeps its meaning for good. */
export interface Row {
  /** The measurement's. */
  readonly name: string;
  readonly what: string;
  /** Of a build; undefined for what is measured to hold builds against. */
  readonly build?: string;
  readonly value: number;
  readonly unit: Unit;
  /** What it is held against, in the same unit: bare Node, or the round trips alone. */
  readonly base?: number;
  /** Medians round by round, so neither is just made of `value` and `base`. */
  readonly ratio?: number;
  readonly more?: number;
  /** Processor time, user and system, in ms; and against the base's. */
  readonly cpuMs?: number;
  readonly cpuRatio?: number;
  /** A round trip's time on the network, put in by the delaying proxy. */
  readonly delayMs?: number;
  readonly goal?: Goal;
  readonly met?: boolean;
}

export type Unit = "ms" | "MB" | "requests" | "processes";

/** An upper bound of the row's `value`, `ratio`, or `more` than its base. */
export interface Goal {
  readonly of: "value" | "ratio" | "more";
  readonly atMost: number;
}

/** @returns the row with its goal and whether it is met; as it was, without a goal or without what the goal is about */
export function judged(row: Row, goal: Goal | undefined): Row {
  const figure = goal === undefined ? undefined : row[goal.of];
  return goal === undefined || figure === undefined ? row : { ...row, goal, met: figure <= goal.atMost };
}

export function goalText({ of, atMost }: Goal, unit: Unit): string {
  switch (of) {
    case "ratio":
      return `≤ ${atMost.toFixed(2)} ×`;
    case "more":
      return `≤ +${atMost} ${unit}`;
    case "value":
      return `≤ ${atMost} ${unit}`;
  }
}
