import { describe, expect, it } from "vitest";
import { renew } from "../../src/broker/renew.ts";
import { openCache } from "../../src/cache/cache.ts";
import { credentialsCodec } from "../../src/cache/entry.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { idOf, KEY, MIN, machineWithEntry, minting } from "./renewing.ts";

describe("a login", () => {
  it("ends the rest after a failure of before it", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const source = minting(machine, { fails: new BrokerError("LOGIN_REQUIRED", "does not renew the login any more") });
    let loggedInAtMs: number | undefined;
    const ask = async (): Promise<string> => {
      const host = machine.host();
      const cache = openCache(host, "file", KEY, credentialsCodec);
      const wanted = {
        profile: "billing",
        key: KEY,
        codec: credentialsCodec,
        cache,
        mint: source.mint,
        loggedInAtMs: () => loggedInAtMs,
      };
      return idOf(await machine.clock.run(renew(host, wanted, await cache.read())));
    };
    expect([await ask(), await ask(), source.calls]).toEqual(["ASIAOLD", "ASIAOLD", 1]);
    source.fails = undefined;
    await machine.clock.advance(1_000);
    expect([await ask(), source.calls]).toEqual(["ASIAOLD", 1]);
    loggedInAtMs = machine.clock.nowMs();
    expect([await ask(), source.calls]).toEqual(["ASIA2", 2]);
  });
});
