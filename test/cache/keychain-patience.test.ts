import { describe, expect, it } from "vitest";
import { openCache } from "../../src/cache/cache.ts";
import { credentialsCodec } from "../../src/cache/entry.ts";
import type { Patience } from "../../src/host/host.ts";
import { type FakeMachine, fakeMachine, type KeychainState } from "../support/fake-host.ts";
import { entry } from "./samples.ts";

const KEY = "a".repeat(64);
const NOTE = "/home/ana/.cache/sts-broker/keychain-silent-";

/** Another process each time. */
const opened = (machine: FakeMachine, setting = "keychain") =>
  openCache(machine.host(), setting, KEY, credentialsCodec);
const read = (machine: FakeMachine, patience?: Patience, setting?: string) =>
  machine.clock.run(opened(machine, setting).read(patience));
const write = (machine: FakeMachine, setting?: string) => machine.clock.run(opened(machine, setting).write(entry()));

async function holding(state: KeychainState, slowMs = 2_500): Promise<FakeMachine> {
  const machine = fakeMachine();
  await opened(machine).write(entry());
  machine.keychain.state = state;
  machine.keychain.slowMs = slowMs;
  return machine;
}

async function tookMs(machine: FakeMachine, work: () => Promise<unknown>): Promise<number> {
  const startMs = machine.clock.monotonicMs();
  await work();
  return machine.clock.monotonicMs() - startMs;
}

const notes = ({ disk }: FakeMachine): string[] =>
  disk
    .below("/home")
    .filter((path) => path.startsWith(NOTE))
    .map((path) => path.slice(NOTE.length))
    .sort();

describe("a keychain that is the only store, and slow", () => {
  it("is waited for by a patient look, in one run and although others were in a hurry", async () => {
    const machine = await holding("slow");
    const cache = opened(machine);
    expect(await machine.clock.run(cache.read())).toBeUndefined();
    expect(notes(machine)).toEqual(["reading"]);
    expect((await machine.clock.run(cache.read("patient")))?.verdict).toBe("fresh");
    await read(machine);
    expect((await read(machine, "patient"))?.verdict).toBe("fresh");
  });

  it("takes an entry although others were in a hurry", async () => {
    const machine = await holding("slow");
    await read(machine);
    expect(await write(machine)).toEqual({ store: "keychain", problem: undefined });
  });

  it.each([
    ["look", (machine: FakeMachine) => read(machine, "patient")],
    ["write", (machine: FakeMachine) => write(machine)],
  ])("is read by everybody again after a patient %s", async (_, work) => {
    const machine = await holding("slow");
    await read(machine);
    expect(notes(machine)).toEqual(["reading"]);
    await work(machine);
    expect(notes(machine)).toEqual([]);
    machine.keychain.state = "ready";
    expect((await read(machine))?.verdict).toBe("fresh");
  });
});

describe("a keychain that is the only store, and hangs", () => {
  it("costs one process the patient wait, and the others nothing for a minute", async () => {
    const machine = await holding("hanging");
    const first = opened(machine);
    expect(
      await tookMs(machine, async () => {
        expect(await machine.clock.run(first.read())).toBeUndefined();
        expect(await machine.clock.run(first.read("patient"))).toBeUndefined();
        expect((await machine.clock.run(first.write(entry()))).problem).toContain("the keychain does not answer");
      }),
    ).toBe(5_000);
    expect(
      await tookMs(machine, async () => {
        await read(machine);
        await read(machine, "patient");
        expect((await write(machine)).problem).toContain("did not answer a moment ago");
      }),
    ).toBe(0);
    await machine.clock.advance(60_000);
    machine.keychain.state = "ready";
    expect((await read(machine, "patient"))?.verdict).toBe("fresh");
  });

  it("calls off the patient look of who came before it was known", async () => {
    const machine = await holding("hanging");
    const waiting = opened(machine);
    await machine.clock.run(waiting.read());
    await read(machine, "patient");
    expect(await tookMs(machine, () => machine.clock.run(waiting.read("patient")))).toBe(0);
  });

  it("is still read where it is writing that hangs", async () => {
    const machine = await holding("ready");
    machine.keychain.writeState = "hanging";
    expect(await tookMs(machine, () => write(machine))).toBe(5_000);
    expect((await read(machine, "patient"))?.verdict).toBe("fresh");
    Object.assign(machine.keychain, { state: "slow", writeState: undefined });
    expect((await read(machine, "patient"))?.verdict).toBe("fresh");
    expect((await write(machine)).problem).toContain("did not answer a moment ago");
  });

  it("is waited for again once somebody who waited as long got an answer", async () => {
    const machine = await holding("hanging");
    const inVain = opened(machine).read("patient");
    await machine.clock.advance(2_000);
    machine.keychain.state = "slow";
    const served = opened(machine).read("patient");
    expect(await machine.clock.run(inVain)).toBeUndefined();
    expect(notes(machine)).toEqual(["reading", "reading-patiently"]);
    expect((await machine.clock.run(served))?.verdict).toBe("fresh");
    expect(notes(machine)).toEqual([]);
    expect((await read(machine, "patient"))?.verdict).toBe("fresh");
  });

  it("is not taken for one that hangs patiently by who only looked whether it would take something", async () => {
    const machine = await holding("slow");
    await machine.clock.run(opened(machine).check());
    expect(notes(machine)).toEqual([]);
    expect((await write(machine)).store).toBe("keychain");
  });
});

describe("a slow keychain before other stores", () => {
  it("is left at once for the next one, however patient the look, and waited for once", async () => {
    const machine = await holding("slow");
    expect(
      await tookMs(machine, async () => {
        await read(machine, "patient", "auto");
        expect((await write(machine, "auto")).store).toBe("kernel");
      }),
    ).toBe(1_000);
    expect(await tookMs(machine, () => read(machine, "patient", "auto"))).toBe(0);
    expect(notes(machine)).toEqual(["reading"]);
  });

  it("keeps nobody from waiting for it who has no other", async () => {
    const machine = await holding("slow");
    await write(machine, "auto");
    expect((await read(machine, "patient"))?.verdict).toBe("fresh");
  });
});
