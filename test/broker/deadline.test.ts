import { describe, expect, it } from "vitest";
import { within } from "../../src/broker/deadline.ts";
import { fakeHost } from "../support/fake-host.ts";

describe("a deadline", () => {
  it("gives back what ended in time, and leaves no sleeper behind", async () => {
    const host = fakeHost();
    expect(await within(host, 1_000, async () => 7)).toBe(7);
    expect(host.clock.sleepers).toBe(0);
  });

  it("aborts and throws TIMEOUT for what did not", async () => {
    const host = fakeHost();
    let seen: AbortSignal | undefined;
    const work = within(host, 1_000, (signal) => {
      seen = signal;
      return new Promise(() => {});
    });
    const ended = work.catch((error: unknown) => error);
    await host.clock.advance(949);
    expect(seen?.aborted).toBe(false);
    await host.clock.advance(51);
    expect(await ended).toMatchObject({ code: "TIMEOUT", message: "nothing was obtained within 1 s" });
    expect(seen?.aborted).toBe(true);
  });

  it("waits for what must not get lost, and says how long that took", async () => {
    const host = fakeHost();
    const work = within(host, 2_000, (_, hold) => {
      hold(host.clock.sleep(10_000));
      return new Promise(() => {});
    });
    const startMs = host.clock.monotonicMs();
    await expect(host.clock.run(work)).rejects.toMatchObject({
      code: "TIMEOUT",
      message:
        "nothing was obtained within 2 s; a refresh token that was on its way, and must not get lost, took 8 s more",
    });
    expect(host.clock.monotonicMs() - startMs).toBe(10_000);
    expect(host.clock.sleepers).toBe(0);
  });

  it("passes an error on", async () => {
    await expect(within(fakeHost(), 1_000, () => Promise.reject(new RangeError("x")))).rejects.toThrow(RangeError);
  });
});
