import type { Host, Lock } from "../host/host.ts";

const POLL_MS = 50;

/**
 * Waits until the lock is ours, somewhat at random so that those who wait do not look together.
 *
 * @returns undefined when somebody else still holds it after `timeoutMs`, or the signal aborted
 * @throws the errno error of a lock that cannot be had at all
 */
export async function waitForLock(
  host: Host,
  file: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Lock | undefined> {
  const endMs = host.clock.monotonicMs() + timeoutMs;
  for (;;) {
    const lock = await host.locks.tryAcquire(file);
    if (lock !== undefined) return lock;
    if (signal.aborted || host.clock.monotonicMs() >= endMs) return undefined;
    await host.clock.sleep(POLL_MS * (0.5 + Math.random()), signal);
  }
}
