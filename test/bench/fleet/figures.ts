import type { Outcome } from "./simulate.ts";

const MIN = 60_000;

/** What a fleet's day came to. Rates are requests per second at the identity provider. */
export interface Figures {
  readonly mean: number;
  /** By the length of the bucket in seconds, as multiples of the mean, while the provider answers. */
  readonly peaks: ReadonlyMap<number, number>;
  /** At the provider that does not answer, in 10 s. */
  readonly inOutage: number;
  /** The highest minute of the lifetime that begins half of one after the outage ended: who came back together comes again then. */
  readonly secondWave: number;
}

export function figuresOf({ idp, fromMs, toMs, outageMs: [downMs, upMs] }: Outcome, sessionMs: number): Figures {
  const mean = idp.mean(fromMs, toMs);
  const times = (rate: number): number => (mean === 0 ? 0 : rate / mean);
  const answering = (bucket: number): number =>
    times(Math.max(idp.peak(bucket, fromMs, downMs), idp.peak(bucket, upMs, toMs)));
  return {
    mean,
    peaks: new Map([1, 10, 60].map((bucket) => [bucket, answering(bucket)])),
    inOutage: times(idp.peak(10, downMs, upMs)),
    secondWave: times(idp.peak(60, upMs + sessionMs / 2, Math.min(toMs, upMs + 1.5 * sessionMs + MIN))),
  };
}
