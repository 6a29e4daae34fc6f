/** What tests of renewing share: ways to mint, processes that ask, a machine whose cache holds an entry. */
import type { Wanted } from "../../src/broker/obtain.ts";
import type { Renewable } from "../../src/broker/refresh.ts";
import { renew } from "../../src/broker/renew.ts";
import { openCache } from "../../src/cache/cache.ts";
import { credentialsCodec, type Entry } from "../../src/cache/entry.ts";
import { BrokerError } from "../../src/core/errors.ts";
import type { SessionCredentials } from "../../src/core/types.ts";
import { entry } from "../cache/samples.ts";
import { type FakeHost, type FakeHostOptions, type FakeMachine, fakeMachine } from "../support/fake-host.ts";

export const KEY = "a".repeat(64);
export const DIRECTORY = "/home/ana/.cache/sts-broker";
export const S = 1000;
export const MIN = 60 * S;
export type Mint = Wanted<SessionCredentials>["mint"];

/** A way to mint that takes its time and counts. */
export function minting(machine: FakeMachine, { takesMs = 100, fails = undefined as BrokerError | undefined } = {}) {
  const counted = { calls: 0, fails, takesMs, deadlines: [] as number[] };
  const mint: Mint = async (context) => {
    counted.calls += 1;
    counted.deadlines.push(context.deadlineMs - machine.clock.monotonicMs());
    const id = `ASIA${counted.calls}`;
    await machine.clock.sleep(counted.takesMs, context.signal);
    if (counted.fails !== undefined) throw counted.fails;
    return entry(machine.clock.nowMs(), { id });
  };
  return Object.assign(counted, { mint });
}

/** What a process does: look into the cache, and renew what is not fresh. */
export async function ask(host: FakeHost, mint: Mint, store = "file"): Promise<Entry<SessionCredentials>> {
  const cache = openCache(host, store, KEY, credentialsCodec);
  const found = await cache.read();
  if (found?.verdict === "fresh") return found.entry;
  return renew(host, { profile: "billing", key: KEY, codec: credentialsCodec, cache, mint }, found);
}

/** What `refresh` is given for one entry. */
export function renewable(host: FakeHost, mint: Mint, { key = KEY, store = "file" } = {}): Renewable {
  const wanted: Wanted<SessionCredentials> = {
    profile: "billing",
    key,
    codec: credentialsCodec,
    cache: openCache(host, store, key, credentialsCodec),
    mint,
  };
  return { store, wanted };
}

export const idOf = ({ value }: Entry<SessionCredentials>): string => value.accessKeyId;
export const DOWN = new BrokerError("UNREACHABLE", "idp.corp.example refuses connections", { hint: "ask who runs it" });

/** A machine on which an hour's credentials were minted `agoMs` ago. */
export async function machineWithEntry(agoMs: number, options: FakeHostOptions = {}): Promise<FakeMachine> {
  const machine = fakeMachine();
  await openCache(machine.host(options), "file", KEY, credentialsCodec).write(
    entry(machine.clock.nowMs(), { id: "ASIAOLD" }),
  );
  await machine.clock.advance(agoMs);
  return machine;
}
