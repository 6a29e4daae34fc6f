import { describe, expect, it } from "vitest";
import type { KeychainResult, Patience } from "../../src/host/host.ts";
import { rememberingSilence } from "../../src/host/keychain/silence.ts";

const LATE: KeychainResult<never> = { ok: false, problem: { reason: "not-answering", detail: "no answer" } };
const LOCKED: KeychainResult<never> = { ok: false, problem: { reason: "locked", detail: "locked" } };
const GOOD: KeychainResult<string> = { ok: true, value: "good" };

/** Asks one run's keychain, and counts how often that gets through to it. */
function run() {
  const ask = rememberingSilence();
  const counted = { asked: 0 };
  const one = (patience: Patience, answer: KeychainResult<unknown>, waited?: Patience) =>
    ask(
      patience,
      async () => {
        counted.asked += 1;
        return answer;
      },
      waited,
    );
  return Object.assign(counted, { one });
}

describe("a keychain that was silent in this run", () => {
  it("is not waited for again, and says for how long it was", async () => {
    for (const patience of ["hurried", "patient"] as const) {
      const it = run();
      await it.one(patience, LATE);
      const again = await it.one(patience, GOOD);
      expect([it.asked, again]).toEqual([1, { ok: false, problem: { ...LATE.problem, waited: patience } }]);
    }
  });

  it("is asked again by who has more patience, once", async () => {
    const it = run();
    await it.one("hurried", LATE);
    await it.one("patient", LATE);
    await it.one("patient", GOOD);
    expect([it.asked, await it.one("hurried", GOOD)]).toMatchObject([2, { problem: { waited: "patient" } }]);
  });

  it.each([
    ["a success", GOOD],
    ["another problem", LOCKED],
  ])("is forgotten after %s", async (_, answer) => {
    const it = run();
    await it.one("hurried", LATE);
    expect(await it.one("patient", answer)).toEqual(answer);
    expect(await it.one("hurried", GOOD)).toEqual(GOOD);
    expect(it.asked).toBe(3);
  });

  it("was waited for patiently where it was only let hang on writing", async () => {
    const it = run();
    await it.one("hurried", LATE, "patient");
    await it.one("patient", GOOD);
    expect(it.asked).toBe(1);
  });
});
