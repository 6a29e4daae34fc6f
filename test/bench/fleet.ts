import { figuresOf } from "./fleet/figures.ts";
import { SCENARIOS, type Scenario } from "./fleet/scenarios.ts";
import { type Run, simulate } from "./fleet/simulate.ts";

const HOUR = 3_600_000;
const sizes = process.argv.slice(2).map(Number);
const say = (line = ""): void => void process.stdout.write(`${line}\n`);

const COLUMNS: readonly (readonly [string, number])[] = [
  ["callers", 24],
  ["refresh", 18],
  ["outage", 8],
  ["mean/s", 8],
  ["peak/s 1 s", 12],
  ["10 s", 8],
  ["peak/mean 1 s", 15],
  ["10 s", 7],
  ["in outage", 11],
  ["without", 9],
  ["recovered", 11],
  ["2nd wave", 10],
  ["throttled", 10],
];
const row = (cells: readonly string[]): string =>
  cells
    .map((cell, index) => cell.padEnd(COLUMNS[index]?.[1] ?? 0))
    .join("")
    .trimEnd();

function report(scenario: Scenario, run: Run): void {
  const outcome = simulate(scenario, run);
  const { mean, peaks, inOutage, secondWave } = figuresOf(outcome, run.sessionMs);
  const [second = 0, ten = 0] = [peaks.get(1), peaks.get(10)];
  const met = ten <= 3 && outcome.without === 0 && secondWave <= (scenario.fixedAge ? 3 : 2.5);
  if (scenario.goal && !met) process.exitCode = 1;
  say(
    row([
      `${scenario.callers.name}${scenario.herd ? " (herd)" : ""}`,
      scenario.refresh?.name ?? "none",
      `${scenario.outageMs / 60_000} min`,
      mean.toFixed(1),
      (second * mean).toFixed(0),
      (ten * mean).toFixed(1),
      second.toFixed(1),
      ten.toFixed(1),
      inOutage.toFixed(1),
      String(outcome.without),
      `${(outcome.recoveryMs / 60_000).toFixed(1)} min`,
      secondWave.toFixed(1),
      `${outcome.throttled}${scenario.goal && !met ? "  GOAL MISSED" : ""}`,
    ]),
  );
}

for (const machines of sizes.length > 0 ? sizes : [10_000, 100_000]) {
  const quota = Math.round((600 * machines) / 100_000);
  const run: Run = {
    machines,
    settleMs: 4 * HOUR,
    lastsMs: 24 * HOUR,
    outageAtMs: 10 * HOUR + 60_000,
    sessionMs: HOUR,
    quota,
    seed: 1,
  };
  say(`${machines} machines, 24 h, sessions of 1 h, STS quota ${quota}/s, seed ${run.seed}`);
  say(row(COLUMNS.map(([title]) => title)));
  const startMs = performance.now();
  for (const scenario of SCENARIOS) report(scenario, run);
  say(`computed in ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  say();
}
