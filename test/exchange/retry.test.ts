import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import type { Pace } from "../../src/core/pacing.ts";
import type { StsFailure } from "../../src/exchange/answer.ts";
import { decide, type Sent, withRetries } from "../../src/exchange/retry.ts";
import { fakeHost } from "./fixtures.ts";

const THROTTLED = refusal("Throttling", 400);
const REFUSED = refusal("AccessDenied", 403);
const RESET = new BrokerError("UNREACHABLE", "sts closed the connection");

describe("deciding whether to ask again", () => {
  it.each([
    ["throttling by code", THROTTLED],
    ["RequestLimitExceeded", refusal("RequestLimitExceeded", 503)],
    ["429", refusal("Whatever", 429)],
    ["500", refusal("InternalFailure", 500)],
    ["502 with a proxy's page", foreign(502)],
    ["503", refusal("ServiceUnavailable", 503)],
    ["504", foreign(504)],
    ["IDPCommunicationError", refusal("IDPCommunicationError", 400)],
    [
      "keys that AWS could not fetch",
      refusal("InvalidIdentityToken", 400, "Couldn't retrieve verification key from …"),
    ],
    ["a connection that broke", RESET],
    ["a call that timed out", new BrokerError("TIMEOUT", "sts did not answer")],
  ])("asks again, and not for ever, after %s", (_, failure) => {
    expect(decide(failure, 1, 0.5)).toMatchObject({ again: true });
    expect(decide(failure, 6, 0.5)).toEqual({ again: false });
  });

  it.each([
    ["an account without the provider", refusal("InvalidIdentityToken", 400, "No OpenIDConnect provider found in …")],
    ["a wrong audience", refusal("InvalidIdentityToken", 400, "Incorrect token audience")],
    ["an expired token, which the broker replaces", refusal("ExpiredToken", 400)],
    ["IDPRejectedClaim", refusal("IDPRejectedClaim", 403)],
    ["AccessDenied", REFUSED],
    ["PackedPolicyTooLarge", refusal("PackedPolicyTooLarge", 400)],
    ["MalformedPolicyDocument", refusal("MalformedPolicyDocument", 400)],
    ["RegionDisabled", refusal("RegionDisabled", 403)],
    ["ValidationError", refusal("Validation", 400)],
    ["501", refusal("NotImplemented", 501)],
    ["a captive portal", foreign(200)],
    ["a redirect", foreign(302)],
    ["a configuration that cannot work", new BrokerError("CONFIG_INVALID", "…")],
    ["an untrusted certificate", new BrokerError("UNREACHABLE", "…", { cause: { code: "CERT_HAS_EXPIRED" } })],
  ])("does not ask again after %s", (_, failure) => {
    expect(decide(failure, 1, 0.5)).toEqual({ again: false });
  });

  it("waits with full jitter under a growing cap", () => {
    expect(decide(THROTTLED, 1, 0)).toMatchObject({ delayMs: 0 });
    expect(decide(THROTTLED, 1, 1)).toMatchObject({ delayMs: 400 });
    expect(decide(THROTTLED, 2, 1)).toMatchObject({ delayMs: 800 });
    expect(decide(THROTTLED, 5, 1)).toMatchObject({ delayMs: 4_000 });
  });

  it("waits at least as long as Retry-After asks", () => {
    const asked = { ...THROTTLED, retryAfterMs: 2_000 };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const decision = decide(asked, attempt, random);
        expect(decision.again && decision.delayMs >= 2_000 && decision.delayMs <= 6_000).toBe(true);
      }),
    );
  });
});

describe("asking again", () => {
  it("ends with the first answer that stands", async () => {
    const { run, calls } = rig([no(THROTTLED), no(RESET), yes("credentials")]);
    await expect(run(45_000)).resolves.toBe("credentials");
    expect(calls()).toBe(3);
  });

  it("counts each kind of failure for itself, and all of them to eight", async () => {
    const page = no(foreign(503));
    const mended = rig([no(THROTTLED), no(THROTTLED), page, no(RESET), yes("credentials")]);
    await expect(mended.run(45_000)).resolves.toBe("credentials");
    const hopeless = rig([no(RESET), no(RESET), page, page, page, page, no(THROTTLED)]);
    await expect(hopeless.run(600_000)).rejects.toMatchObject({ message: "Throttling after 8" });
  });

  it("asks once where the answer is a refusal", async () => {
    const { run, calls } = rig([no(REFUSED)]);
    await expect(run(45_000)).rejects.toMatchObject({ message: "AccessDenied after 1" });
    expect(calls()).toBe(1);
  });

  it("gives up after six throttled calls", async () => {
    const { run, calls } = rig([no(THROTTLED)]);
    await expect(run(600_000)).rejects.toMatchObject({ message: "Throttling after 6" });
    expect(calls()).toBe(6);
  });

  it("gives up after three connections that failed, with the HTTP stack's own error", async () => {
    const { run, calls } = rig([no(RESET)]);
    await expect(run(45_000)).rejects.toBe(RESET);
    expect(calls()).toBe(3);
  });

  it("does not start a pause that would end past the deadline", async () => {
    const { run, host } = rig([no({ ...THROTTLED, retryAfterMs: 60_000 })]);
    await expect(run(45_000)).rejects.toMatchObject({ message: "Throttling after 1" });
    expect(host.pausesMs).toEqual([]);
  });

  it("never works past its deadline, whatever the answers", async () => {
    const failure = fc.constantFrom(THROTTLED, REFUSED, RESET, foreign(503), { ...THROTTLED, retryAfterMs: 3_000 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(failure, { minLength: 1 }),
        fc.integer({ min: 0, max: 20_000 }),
        async (failures, ms) => {
          const { run, host } = rig(failures.map(no));
          await expect(run(ms)).rejects.toBeInstanceOf(BrokerError);
          expect(host.clock.monotonicMs()).toBeLessThanOrEqual(ms);
        },
      ),
    );
  });

  it("gives each call what is left, and never more than ten seconds", async () => {
    const { run, timeouts } = rig([no(RESET), yes("credentials")]);
    await run(10_050);
    expect(timeouts[0]).toBe(10_000);
    expect(timeouts[1]).toBeLessThan(10_000);
  });

  it("stops when it is told to", async () => {
    const { run, calls } = rig([no(THROTTLED)]);
    await expect(run(45_000, AbortSignal.abort(new Error("interrupted")))).rejects.toThrow("interrupted");
    expect(calls()).toBe(0);
  });

  it("says in the debug log why it asks again", async () => {
    const { run, host } = rig([no(THROTTLED), yes("credentials")]);
    await run(45_000);
    expect(host.debugged).toEqual(["sts: throttled: call 2 in 400 ms (45 s left)"]);
  });
});

describe("asking at the pace of all processes", () => {
  it("takes one retry a call out of the common budget, and tells of what it hears", async () => {
    const { pace, told } = paceWith(9);
    const { run } = rig(
      [no({ ...THROTTLED, retryAfterMs: 700 }), no(RESET), no(foreign(503)), yes("credentials")],
      pace,
    );
    await expect(run(45_000)).resolves.toBe("credentials");
    expect(told.filter((one) => one !== "turn")).toEqual([
      "throttled 700",
      "retry",
      "retry",
      "throttled undefined",
      "retry",
      "answered",
    ]);
    expect(told.filter((one) => one === "turn")).toHaveLength(4);
  });

  it("ends with the answer that stands when no retries are left", async () => {
    const { run, calls, host } = rig([no(THROTTLED)], paceWith(2).pace);
    await expect(run(45_000)).rejects.toMatchObject({ message: "Throttling after 3" });
    expect(calls()).toBe(3);
    expect(host.debugged.at(-1)).toBe("sts: throttled: no retries left");
  });

  it("takes none for an answer that stands anyway", async () => {
    const { pace, told } = paceWith(9);
    await expect(rig([no(REFUSED)], pace).run(45_000)).rejects.toBeInstanceOf(BrokerError);
    await expect(rig([no({ ...THROTTLED, retryAfterMs: 60_000 })], pace).run(45_000)).rejects.toBeInstanceOf(
      BrokerError,
    );
    expect(told).toEqual(["turn", "turn", "throttled 60000"]);
  });

  it("sends nothing while it is nobody's turn", async () => {
    const wait = new BrokerError("THROTTLED", "sts asks to be left alone");
    const { run, calls } = rig([yes("credentials")], { ...paceWith(9).pace, turn: () => Promise.reject(wait) });
    await expect(run(45_000)).rejects.toBe(wait);
    expect(calls()).toBe(0);
  });
});

function paceWith(retries: number): { pace: Pace; told: string[] } {
  const told: string[] = [];
  const pace: Pace = {
    turn: async () => void told.push("turn"),
    throttled: async (retryAfterMs) => void told.push(`throttled ${retryAfterMs}`),
    mayRetry: async () => told.push("retry") > 0 && told.filter((one) => one === "retry").length <= retries,
    answered: async () => void told.push("answered"),
  };
  return { pace, told };
}

function rig(answers: readonly Sent<string>[], pace?: Pace) {
  const host = fakeHost([]);
  const timeouts: number[] = [];
  const send = async (timeoutMs: number): Promise<Sent<string>> => {
    timeouts.push(timeoutMs);
    const sent = answers[Math.min(timeouts.length, answers.length) - 1];
    if (sent === undefined) throw new Error("no answer left");
    return sent;
  };
  const judge = (failure: StsFailure, attempts: number): BrokerError =>
    new BrokerError("STS_REFUSED", `${failure.kind === "refusal" ? failure.code : failure.status} after ${attempts}`);
  return {
    host,
    timeouts,
    calls: () => timeouts.length,
    run: (deadlineMs: number, signal?: AbortSignal) => withRetries(send, judge, { host, deadlineMs, signal, pace }),
  };
}

function yes(value: string): Sent<string> {
  return { ok: true, value };
}

function no(failure: StsFailure | BrokerError): Sent<string> {
  return { ok: false, failure };
}

function refusal(code: string, status: number, message = ""): StsFailure {
  return { kind: "refusal", code, message, status };
}

function foreign(status: number): StsFailure {
  return { kind: "foreign", shape: "html", status };
}
