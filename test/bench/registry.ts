import type { Measurement } from "./measurement.ts";
import { addon } from "./measurements/addon.ts";
import { cached } from "./measurements/cached.ts";
import { cold } from "./measurements/cold.ts";
import { completion } from "./measurements/completion.ts";
import { crowd } from "./measurements/crowd.ts";
import { discovery } from "./measurements/discovery.ts";
import { firstFrame } from "./measurements/first-frame.ts";
import { memory } from "./measurements/memory.ts";
import { size } from "./measurements/size.ts";
import { status } from "./measurements/status.ts";

/** In the order of the table. */
export const MEASUREMENTS: readonly Measurement[] = [
  cached,
  cold,
  discovery,
  memory,
  size,
  crowd,
  status,
  completion,
  firstFrame,
  addon,
];
