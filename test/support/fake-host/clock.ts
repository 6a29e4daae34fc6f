import type { Clock } from "../../../src/host/host.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  fire(): void;
}

/** A clock that stands still until somebody advances it; sleepers wake in the order of their times. */
export class FakeClock implements Clock {
  #nowMs: number;
  #monotonicMs = 1_000;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return Math.floor(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Sets the wall clock, as an administrator or NTP does; deadlines do not notice. */
  setWall(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  get sleepers(): number {
    return this.#timers.size;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer: Timer = {
        atMs: this.#monotonicMs + Math.max(0, durationMs),
        order: this.#order++,
        fire: () => {
          this.#timers.delete(timer);
          signal?.removeEventListener("abort", timer.fire);
          resolve();
        },
      };
      this.#timers.add(timer);
      signal?.addEventListener("abort", timer.fire);
    });
  }

  /** Moves time on; whoever sleeps less wakes on the way, and does what it does before the next one wakes. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#monotonicMs + durationMs;
    await turns();
    for (let due = this.#next(); due !== undefined && due.atMs <= endMs; due = this.#next()) {
      this.#moveTo(due.atMs);
      due.fire();
      await turns();
    }
    this.#moveTo(endMs);
    await turns();
  }

  /** Lets the work run, moving time on to the next sleeper whenever nothing else happens. */
  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const noted = work.finally(() => {
      settled = true;
    });
    noted.catch(() => {});
    for (let idle = 0; !settled; idle++) {
      await turns();
      if (settled) break;
      const due = this.#next();
      if (due === undefined) {
        if (idle > 2_000) throw new Error("nothing sleeps and nothing ends: the work hangs");
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      idle = 0;
      this.#moveTo(due.atMs);
      due.fire();
    }
    return noted;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers)
      if (first === undefined || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order))
        first = timer;
    return first;
  }

  #moveTo(monotonicMs: number): void {
    const byMs = Math.max(0, monotonicMs - this.#monotonicMs);
    this.#monotonicMs += byMs;
    this.#nowMs += byMs;
  }
}

/** Enough of the event loop for promises, dynamic imports of loaded modules and the like to come to rest. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}
