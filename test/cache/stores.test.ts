import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openCache, STORE_NAMES } from "../../src/cache/cache.ts";
import { credentialsCodec } from "../../src/cache/entry.ts";
import { fileStore } from "../../src/cache/stores/file.ts";
import { keychainStore } from "../../src/cache/stores/keychain.ts";
import { STORES } from "../../src/cache/stores/registry.ts";
import { Secret } from "../../src/core/secret.ts";
import { type FakeHost, fakeHost, fakeMachine, type KeychainState } from "../support/fake-host.ts";
import { entry, NOW_MS } from "./samples.ts";

const KEY = "a".repeat(64);
const OTHER = "b".repeat(64);
const DIRECTORY = "/home/ana/.cache/sts-broker";
const FILE = `${DIRECTORY}/entries/${KEY}`;
const SEALING_KEY = `${DIRECTORY}/sealing-key`;

async function stored(host: FakeHost, text = "payload-marker"): Promise<void> {
  expect(await fileStore.open(host).write(KEY, new Secret(text))).toEqual({ ok: true, value: undefined });
}
async function readBack(host: FakeHost, kind = fileStore): Promise<string | undefined> {
  const read = await kind.open(host).read(KEY);
  if (!read.ok) throw new Error(read.problem.detail);
  return read.value?.reveal();
}

describe("the file store", () => {
  it("gives back what it took, to another process too", async () => {
    const machine = fakeMachine();
    await stored(machine.host());
    expect(await readBack(machine.host())).toBe("payload-marker");
  });

  it("keeps entry, key and directories private and sealed", async () => {
    const host = fakeHost();
    await stored(host);
    const { disk } = host.machine;
    for (const path of [FILE, SEALING_KEY]) expect(disk.mode(path)).toBe(0o600);
    for (const path of [DIRECTORY, `${DIRECTORY}/entries`]) expect(disk.mode(path)).toBe(0o700);
    for (const path of disk.below("/home")) expect(disk.text(path)).not.toContain("payload-marker");
  });

  it("replaces the entry whole and keeps its key", async () => {
    const host = fakeHost();
    await stored(host, "a long first payload");
    const key = host.machine.disk.bytes(SEALING_KEY);
    await stored(host, "second");
    expect(await readBack(host)).toBe("second");
    expect(host.machine.disk.bytes(SEALING_KEY)).toEqual(key);
  });

  it("creates nothing by reading or removing", async () => {
    const host = fakeHost();
    expect(await readBack(host)).toBeUndefined();
    expect(await fileStore.open(host).remove(KEY)).toMatchObject({ ok: true });
    expect(host.machine.disk.exists(DIRECTORY)).toBe(false);
  });

  it("removes what it is told to", async () => {
    const host = fakeHost();
    await stored(host);
    await fileStore.open(host).remove(KEY);
    expect(host.machine.disk.exists(FILE)).toBe(false);
  });

  it("misses an entry that was truncated at any byte, or had a bit turned", async () => {
    const host = fakeHost();
    await stored(host);
    const whole = host.machine.disk.bytes(FILE);
    for (let length = 0; length < whole.length; length++) {
      host.machine.disk.file(FILE, whole.subarray(0, length));
      expect(await readBack(host)).toBeUndefined();
    }
    for (let at = 0; at < whole.length; at++) {
      const turned = Uint8Array.from(whole);
      turned[at] = (turned[at] ?? 0) ^ 0x10;
      host.machine.disk.file(FILE, turned);
      expect(await readBack(host)).toBeUndefined();
    }
  });

  it("misses garbage of any kind", async () => {
    const host = fakeHost();
    await stored(host);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        host.machine.disk.file(FILE, bytes);
        expect(await readBack(host)).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  it("misses an entry that was put in the place of another", async () => {
    const host = fakeHost();
    await fileStore.open(host).write(OTHER, new Secret("other"));
    host.machine.disk.file(FILE, host.machine.disk.bytes(`${DIRECTORY}/entries/${OTHER}`));
    expect(await readBack(host)).toBeUndefined();
  });

  it("misses an entry under another key, and one whose key is gone", async () => {
    const host = fakeHost();
    await stored(host);
    host.machine.disk.file(SEALING_KEY, new Uint8Array(32).fill(7));
    expect(await readBack(host)).toBeUndefined();
    host.files.remove(SEALING_KEY);
    expect(await readBack(host)).toBeUndefined();
  });

  it.each([0, 1, 31, 33, 4096])("makes a new key in the place of one of %i bytes", async (length) => {
    const host = fakeHost();
    await stored(host, "old");
    host.machine.disk.file(SEALING_KEY, new Uint8Array(length));
    expect(await readBack(host)).toBeUndefined();
    await stored(host, "new");
    expect(await readBack(host)).toBe("new");
    expect(host.machine.disk.bytes(SEALING_KEY)).toHaveLength(32);
  });

  it("seals with the key of whoever made it first", async () => {
    const machine = fakeMachine();
    const first = machine.host();
    const theirs = new Uint8Array(32).fill(9);
    machine.disk.beforeWrite = (path) => {
      if (path === SEALING_KEY && !machine.disk.exists(path)) machine.disk.file(path, theirs);
    };
    await stored(first);
    expect(machine.disk.bytes(SEALING_KEY)).toEqual(theirs);
    expect(await readBack(machine.host())).toBe("payload-marker");
  });

  it.each([
    ["ENOSPC", "no space left"],
    ["EDQUOT", "no space left"],
    ["EROFS", "EROFS"],
    ["EACCES", "EACCES"],
  ])("says %s as a problem, and the old entry stays", async (code, said) => {
    const host = fakeHost();
    await stored(host, "old");
    host.machine.disk.fail(code);
    const written = await fileStore.open(host).write(KEY, new Secret("new"));
    expect(written).toMatchObject({ ok: false, problem: { detail: expect.stringContaining(said) } });
    host.machine.disk.mend();
    expect(await readBack(host)).toBe("old");
  });

  it("says so when an entry cannot be read", async () => {
    const host = fakeHost();
    await stored(host);
    host.machine.disk.fail("EIO", FILE, ["read"]);
    expect(await fileStore.open(host).read(KEY)).toMatchObject({ ok: false, problem: { detail: `${DIRECTORY}: EIO` } });
  });

  it("neither reads from nor writes to a directory that is open to others", async () => {
    const host = fakeHost();
    await stored(host);
    host.machine.disk.chmod(DIRECTORY, 0o755);
    const store = fileStore.open(host);
    for (const result of [await store.read(KEY), await store.write(KEY, new Secret("x")), await store.remove(KEY)])
      expect(result).toMatchObject({ ok: false, problem: { hint: `chmod 700 ${DIRECTORY}` } });
  });

  it("removes what nobody wrote for two days, a torn temporary file included, and nothing younger", async () => {
    const host = fakeHost();
    const { disk } = host.machine;
    await fileStore.open(host).write(OTHER, new Secret("other"));
    disk.file(`${DIRECTORY}/entries/${OTHER}.77-abc.tmp`, "torn");
    disk.file(`${DIRECTORY}/entries/young`, "young");
    const old = host.clock.nowMs() - 48 * 3_600_000;
    disk.touch(`${DIRECTORY}/entries/${OTHER}`, old - 1);
    disk.touch(`${DIRECTORY}/entries/${OTHER}.77-abc.tmp`, old - 1);
    disk.touch(`${DIRECTORY}/entries/young`, old);
    await stored(host);
    expect(disk.below(`${DIRECTORY}/entries`).sort()).toEqual([FILE, `${DIRECTORY}/entries/young`].sort());
  });
});

describe("the keychain store", () => {
  it("keeps an entry as one item where items may be large", async () => {
    const host = fakeHost();
    await keychainStore.open(host).write(KEY, new Secret("x".repeat(9_000)));
    expect([...host.keychain.items.keys()]).toEqual([`sts-broker/${KEY}`]);
    expect(await readBack(host, keychainStore)).toHaveLength(9_000);
  });

  it.each(["absent", "locked", "not-answering", "addon-missing", "failed"] as KeychainState[])(
    "answers with a problem where the keychain is %s",
    async (state) => {
      const store = () => {
        const host = fakeHost();
        host.keychain.state = state;
        return keychainStore.open(host);
      };
      for (const result of [
        await store().read(KEY),
        await store().write(KEY, new Secret("x")),
        await store().remove(KEY),
        await store().check(),
      ])
        expect(result).toMatchObject({ ok: false, problem: { detail: `the keychain is ${state}` } });
    },
  );

  describe("on Windows", () => {
    const windows = () => {
      const machine = fakeMachine();
      machine.keychain.maxBytes = 2_560;
      return machine.host({ platform: "win32" });
    };

    it("splits an entry of any length into items of 2,560 bytes and puts it together again", async () => {
      await fc.assert(
        fc.asyncProperty(fc.string({ minLength: 0, maxLength: 12_000, size: "max" }), async (text) => {
          const host = windows();
          expect(await keychainStore.open(host).write(KEY, new Secret(text))).toMatchObject({ ok: true });
          expect(await readBack(host, keychainStore)).toBe(text);
        }),
        { numRuns: 40 },
      );
    });

    it("takes a real entry whose subject is not ASCII", async () => {
      const host = windows();
      const cache = openCache(host, "keychain", KEY, credentialsCodec);
      const there = { ...entry(), subject: "東京😀".repeat(700) };
      expect((await cache.write(there)).store).toBe("keychain");
      expect((await cache.read())?.entry).toEqual(there);
    });

    it("never mixes two generations when the writer dies at any moment", async () => {
      const [first, second] = ["1".repeat(6_000), "2".repeat(8_000)];
      for (let at = 0; at <= 4; at++) {
        const host = windows();
        await keychainStore.open(host).write(KEY, new Secret(first));
        let writes = 0;
        host.keychain.beforeSet = () => {
          if (writes++ === at) throw new Error("killed");
        };
        await keychainStore
          .open(host)
          .write(KEY, new Secret(second))
          .catch(() => {});
        expect([undefined, first, second]).toContain(await readBack(host, keychainStore));
      }
    });

    it("misses an entry of which a part is gone", async () => {
      const host = windows();
      await keychainStore.open(host).write(KEY, new Secret("x".repeat(6_000)));
      host.keychain.items.delete(`sts-broker/${KEY}.1`);
      expect(await readBack(host, keychainStore)).toBeUndefined();
    });

    it("says so when a part cannot be written", async () => {
      const host = windows();
      host.keychain.maxBytes = 100;
      expect(await keychainStore.open(host).write(KEY, new Secret("x".repeat(6_000)))).toMatchObject({ ok: false });
    });

    it.each([
      ["of fewer parts", "s".repeat(3_000)],
      ["that needs no parts", "short"],
    ])("leaves no part of a longer entry behind one %s", async (_, shorter) => {
      const host = windows();
      await keychainStore.open(host).write(KEY, new Secret("x".repeat(12_000)));
      await keychainStore.open(host).write(KEY, new Secret(shorter));
      expect(host.keychain.items.size).toBe(shorter.length > 2_400 ? 3 : 1);
      expect(await readBack(host, keychainStore)).toBe(shorter);
    });

    it("removes parts whose head was never written", async () => {
      const host = windows();
      host.keychain.beforeSet = (account) => {
        if (account === KEY) throw new Error("killed");
      };
      await expect(keychainStore.open(host).write(KEY, new Secret("x".repeat(6_000)))).rejects.toThrow("killed");
      host.keychain.beforeSet = undefined;
      await keychainStore.open(host).remove(KEY);
      expect(host.keychain.items.size).toBe(0);
    });

    it("removes every part", async () => {
      const host = windows();
      await keychainStore.open(host).write(KEY, new Secret("x".repeat(6_000)));
      await keychainStore.open(host).remove(KEY);
      expect(host.keychain.items.size).toBe(0);
    });
  });
});

describe("the cache of a profile", () => {
  const open = (host: FakeHost, setting = "auto") => openCache(host, setting, KEY, credentialsCodec);
  const took = (store: string) => ({ store, problem: undefined });

  it("may be called auto, by its store, or none", () => {
    expect(STORE_NAMES).toEqual(["auto", "keychain", "kernel", "runtime", "file", "systemd", "none"]);
  });

  it("writes into the first store alone when that one works", async () => {
    const host = fakeHost();
    expect(await open(host).write(entry())).toEqual(took("keychain"));
    expect(host.keychain.items.size).toBe(1);
    expect(host.machine.disk.exists(DIRECTORY)).toBe(false);
    expect(await open(host).read()).toEqual({ entry: entry(), verdict: "fresh", store: "keychain" });
  });

  it.each(["absent", "locked", "not-answering", "addon-missing", "failed"] as KeychainState[])(
    "falls to the file where the keychain is %s and there is no other",
    async (state) => {
      const host = fakeHost();
      host.keychain.state = state;
      host.keyring.state = "not-available";
      expect(await open(host).write(entry())).toEqual(took("file"));
      expect((await open(host).read())?.entry).toEqual(entry());
      expect(host.machine.disk.exists(FILE)).toBe(true);
      expect(host.debugLines.join()).toContain(`not written: the keychain is ${state}`);
    },
  );

  it.each([
    ["hangs", "state", 1_000],
    ["hangs on writing", "writeState", 5_000],
  ] as const)(
    "waits for a keychain that %s no longer than its own deadline, then uses the next store",
    async (_, which, takesMs) => {
      const host = fakeHost();
      host.keychain[which] = "hanging";
      const startMs = host.clock.monotonicMs();
      expect(await host.clock.run(open(host).write(entry()))).toEqual(took("kernel"));
      expect(host.clock.monotonicMs() - startMs).toBe(takesMs);
      expect((await host.clock.run(open(host).read()))?.store).toBe("kernel");
    },
  );

  it("lets no other process wait for a keychain that hung within the last minute", async () => {
    const machine = fakeMachine();
    machine.keychain.state = "hanging";
    const first = machine.host();
    await machine.clock.run(open(first).read());
    await machine.clock.run(open(first).write(entry()));
    const startMs = machine.clock.monotonicMs();
    const second = machine.host();
    expect((await machine.clock.run(open(second).read()))?.store).toBe("kernel");
    expect(await machine.clock.run(open(second).write(entry()))).toEqual(took("kernel"));
    expect(machine.clock.monotonicMs() - startMs).toBe(0);
    expect(second.debugLines.join()).toContain("keychain: the keychain did not answer a moment ago");
    machine.keychain.state = "ready";
    await machine.clock.advance(60_000);
    await open(second).write(entry());
    expect((await open(second).read())?.store).toBe("keychain");
  });

  it("still reads a keychain in which writing hung", async () => {
    const machine = fakeMachine();
    await open(machine.host(), "keychain").write(entry());
    machine.keychain.writeState = "hanging";
    await machine.clock.run(open(machine.host(), "keychain").write(entry()));
    const startMs = machine.clock.monotonicMs();
    expect((await machine.clock.run(open(machine.host(), "keychain").read()))?.verdict).toBe("fresh");
    expect((await machine.clock.run(open(machine.host(), "keychain").write(entry()))).problem).toContain(
      "a moment ago",
    );
    expect(machine.clock.monotonicMs() - startMs).toBe(0);
  });

  it("asks a keychain again whose silence was noted by a clock that ran ahead", async () => {
    const machine = fakeMachine();
    machine.keychain.state = "not-answering";
    await open(machine.host()).read();
    machine.disk.touch(`${DIRECTORY}/keychain-silent-reading`, machine.clock.nowMs() + 10 * 60_000);
    machine.keychain.state = "ready";
    await open(machine.host()).write(entry());
    expect(machine.keychain.items.size).toBe(1);
  });

  it("goes down from the keychain to the kernel, to memory, to the file, and never to systemd", async () => {
    const env = { XDG_RUNTIME_DIR: "/run/user/1000", CREDENTIALS_DIRECTORY: "/run/credentials/unit" };
    const host = fakeHost({ env });
    host.machine.disk.directory("/run/user/1000", { mode: 0o700 });
    host.machine.disk.mount("/run/user", "tmpfs");
    host.machine.disk.file("/run/credentials/unit/sts-broker-key", "k".repeat(32));
    const chosen = async (): Promise<string | undefined> => {
      await open(host).write(entry(NOW_MS, { lastsMs: 3_600_000 }));
      return (await open(host).read())?.store;
    };
    expect(await chosen()).toBe("keychain");
    host.keychain.state = "absent";
    expect(await chosen()).toBe("kernel");
    host.keyring.state = "not-available";
    expect(await chosen()).toBe("runtime");
    host.machine.disk.chmod("/run/user/1000", 0o777);
    expect(await chosen()).toBe("file");
    host.machine.disk.chmod(DIRECTORY, 0o755);
    expect((await open(host).write(entry())).problem).toContain("keychain:");
    expect(host.machine.disk.below(`${DIRECTORY}/systemd`)).toEqual([]);
  });

  it("asks the kernel for nothing while it keeps nothing there", async () => {
    const host = fakeHost();
    host.keychain.state = "absent";
    await open(host, "file").write(entry());
    expect((await open(host).read())?.store).toBe("file");
    expect(host.keyring.asked).toBe(0);
  });

  it("lets a newer entry of a weaker store win as soon as the older one is no longer fresh", async () => {
    const host = fakeHost();
    await open(host).write(entry(NOW_MS, { id: "ASIAOLD" }));
    host.keychain.state = "locked";
    await host.clock.advance(30 * 60_000);
    await open(host).write(entry(host.clock.nowMs(), { id: "ASIANEW" }));
    host.keychain.state = "ready";
    await host.clock.advance(16 * 60_000);
    expect(await open(host).read()).toMatchObject({
      verdict: "fresh",
      store: "kernel",
      entry: { value: { accessKeyId: "ASIANEW" } },
    });
    await host.clock.advance(60 * 60_000);
    expect((await open(host).read())?.entry.value.accessKeyId).toBe("ASIANEW");
  });

  it("takes away what it read from a stronger store that did not take the newer one", async () => {
    const host = fakeHost();
    host.machine.disk.directory("/run/user/1000", { mode: 0o700 });
    host.machine.disk.mount("/run/user", "tmpfs");
    host.keychain.state = "absent";
    await open(host).write(entry(NOW_MS, { id: "ASIAOLD" }));
    await host.clock.advance(20 * 60_000);
    host.machine.disk.fail("ENOSPC", DIRECTORY, ["write", "mkdir"]);
    const cache = open(host);
    expect((await cache.read())?.store).toBe("kernel");
    expect(await cache.write(entry(host.clock.nowMs(), { id: "ASIANEW" }))).toEqual(took("runtime"));
    expect(await open(host).read()).toMatchObject({
      store: "runtime",
      entry: { value: { accessKeyId: "ASIANEW" } },
    });
  });

  it("leaves alone what it could not open: it may be another process's", async () => {
    const host = fakeHost();
    host.keychain.state = "absent";
    await open(host).write(entry());
    host.keyring.state = "not-available";
    const cache = open(host);
    await cache.read();
    expect(await cache.write(entry())).toEqual(took("file"));
    expect(host.machine.disk.exists(`${DIRECTORY}/kernel/${KEY}`)).toBe(true);
  });

  it("tells before a write why no store would take one, and creates nothing for it", async () => {
    const host = fakeHost();
    expect(await open(host).check()).toBeUndefined();
    expect(host.machine.disk.below("/home")).toEqual([]);
    host.machine.disk.fail("ENOSPC");
    host.keychain.state = "locked";
    expect(await open(host, "file").check()).toMatch(/^file: .*no space left$/);
    expect(await open(host).check()).toMatch(
      /^keychain: .*; kernel: .*no space left; runtime: .*; file: .*no space left$/,
    );
    host.keychain.state = "ready";
    expect(await open(host).check()).toBeUndefined();
  });

  it("is gone from every store that was told to remove it", async () => {
    const env = { XDG_RUNTIME_DIR: "/run/user/1000", CREDENTIALS_DIRECTORY: "/run/credentials/unit" };
    const host = fakeHost({ env });
    host.machine.disk.directory("/run/user/1000", { mode: 0o700 });
    host.machine.disk.mount("/run/user", "tmpfs");
    host.machine.disk.file("/run/credentials/unit/sts-broker-key", "k".repeat(32));
    for (const kind of STORES) {
      expect(await open(host, kind.name).write(entry())).toEqual(took(kind.name));
      expect((await open(host, kind.name).read())?.store).toBe(kind.name);
      expect(await kind.open(host).remove(KEY)).toEqual({ ok: true, value: true });
      expect(await kind.open(host).remove(KEY)).toEqual({ ok: true, value: false });
      expect(await open(host, kind.name).read()).toBeUndefined();
    }
  });

  it("says one line with the hint when no store takes it", async () => {
    const host = fakeHost();
    host.keychain.state = "locked";
    host.keyring.state = "not-available";
    host.machine.disk.directory(DIRECTORY, { mode: 0o755 });
    const { store, problem } = await open(host).write(entry());
    expect(store).toBeUndefined();
    expect(problem).toContain("keychain: the keychain is locked (unlock it");
    expect(problem).toContain(`(chmod 700 ${DIRECTORY})`);
    expect(problem).not.toContain("\n");
  });

  it("reads the first fresh entry, in whichever store it is: cron uses what the desktop stored", async () => {
    const host = fakeHost();
    await open(host, "file").write(entry(NOW_MS, { id: "ASIAFILE" }));
    await open(host, "keychain").write(entry(NOW_MS, { id: "ASIAOLD", lastsMs: 1 }));
    expect((await open(host).read())?.entry.value.accessKeyId).toBe("ASIAFILE");
    await open(host, "keychain").write(entry(NOW_MS, { id: "ASIAKEYCHAIN" }));
    expect((await open(host).read())?.entry.value.accessKeyId).toBe("ASIAKEYCHAIN");
  });

  it("takes the one that lasts longest where none is fresh", async () => {
    const host = fakeHost();
    await open(host, "keychain").write(entry(NOW_MS, { id: "ASIASHORT", lastsMs: 3_000_000 }));
    await open(host, "file").write(entry(NOW_MS, { id: "ASIALONG" }));
    await host.clock.advance(50 * 60_000 - 10_000);
    expect(await open(host).read()).toMatchObject({
      verdict: "renew-soon",
      entry: { value: { accessKeyId: "ASIALONG" } },
    });
    await host.clock.advance(60 * 60_000);
    expect(await open(host).read()).toMatchObject({
      verdict: "expired",
      entry: { value: { accessKeyId: "ASIALONG" } },
    });
  });

  it("uses the store it is told to and no other", async () => {
    const host = fakeHost();
    await open(host, "file").write(entry());
    expect(host.keychain.items.size).toBe(0);
    expect(await open(host, "keychain").read()).toBeUndefined();
    host.keychain.state = "locked";
    expect((await open(host, "keychain").write(entry())).problem).toContain("locked");
  });

  it("keeps nothing when told so, and does not complain", async () => {
    const host = fakeHost();
    expect(await open(host, "none").write(entry())).toEqual({ store: undefined, problem: undefined });
    expect(await open(host, "none").check()).toBeUndefined();
    expect(await open(host, "none").read()).toBeUndefined();
    expect([host.keychain.items.size, host.machine.disk.below("/home")]).toEqual([0, []]);
  });

  it("treats an entry of another version as a miss, and goes on to the next store", async () => {
    const host = fakeHost();
    await open(host, "file").write(entry());
    host.keychain.items.set(`sts-broker/${KEY}`, '{"version":2}');
    expect((await open(host).read())?.verdict).toBe("fresh");
  });

  it("says nothing of what it keeps", async () => {
    const host = fakeHost();
    await open(host).write(entry());
    await open(host).read();
    expect(host.debugLines.join("\n")).not.toMatch(/marker/);
  });
});
