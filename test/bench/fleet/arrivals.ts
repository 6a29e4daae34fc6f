/** Requests by the second. */
export interface Arrivals {
  add(atMs: number): void;
  /** In the second of `atMs` so far. */
  thisSecond(atMs: number): number;
  /** Per second, from one moment up to but not including another. */
  mean(fromMs: number, toMs: number): number;
  /** The most in one bucket, per second. Without such a bucket 0. */
  peak(bucketSeconds: number, fromMs: number, toMs: number): number;
}

export function countArrivals(lastsMs: number): Arrivals {
  const seconds = new Int32Array(Math.ceil(lastsMs / 1000) + 1);
  const within = (fromMs: number, toMs: number): Int32Array =>
    seconds.subarray(Math.ceil(fromMs / 1000), Math.ceil(toMs / 1000));
  return {
    add(atMs) {
      const second = Math.floor(atMs / 1000);
      seconds[second] = (seconds[second] ?? 0) + 1;
    },
    thisSecond: (atMs) => seconds[Math.floor(atMs / 1000)] ?? 0,
    mean(fromMs, toMs) {
      const some = within(fromMs, toMs);
      return some.length === 0 ? 0 : some.reduce((sum, one) => sum + one, 0) / some.length;
    },
    peak(bucketSeconds, fromMs, toMs) {
      const some = within(fromMs, toMs);
      let most = 0;
      for (let start = 0; start + bucketSeconds <= some.length; start += bucketSeconds) {
        let sum = 0;
        for (let second = start; second < start + bucketSeconds; second++) sum += some[second] ?? 0;
        most = Math.max(most, sum);
      }
      return most / bucketSeconds;
    },
  };
}
