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

  it("passes an error on", async () => {
    await expect(within(fakeHost(), 1_000, () => Promise.reject(new RangeError("x")))).rejects.toThrow(RangeError);
  });
});
