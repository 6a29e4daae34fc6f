import { existsSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KerberosFailure } from "../../src/core/kerberos-failure.ts";
import type { KerberosCredentials } from "../../src/host/host.ts";
import { KERBEROS_CHILD } from "../../src/host/kerberos/child-argument.ts";
import { realKerberos } from "../../src/host/kerberos.ts";
import { programUnderTest } from "../support/program.ts";
import { KDC_PROGRAMS, type Kdc, startKdc } from "../system/servers/kdc.ts";
import { KERBEROS_ADDON } from "../system/servers/kerberos-addon.ts";
import { describeSystem } from "../system/servers/requirements.ts";

const SPN = "HTTP@idp.corp.example";
const PRINCIPAL = "svc-batch@CORP.EXAMPLE";

describeSystem("Kerberos tickets", [...KDC_PROGRAMS, KERBEROS_ADDON], () => {
  let kdc: Kdc;
  beforeAll(async () => {
    kdc = await startKdc({
      principals: ["HTTP/idp.corp.example", "svc-batch", "old-batch", "locked-batch", "machine$"],
      passwords: { alice: "Passw0rd!" },
    });
  });
  afterAll(() => kdc.stop());

  const log = { enabled: false, debug: () => {}, warn: () => {} };
  const kerberos = (env: Record<string, string> = {}) =>
    realKerberos({ env: { PATH: process.env.PATH, KRB5_CONFIG: kdc.krb5Conf, ...env }, log }, [
      ...programUnderTest(),
      KERBEROS_CHILD,
    ]);
  const token = async (credentials: KerberosCredentials, env: Record<string, string> = {}, spn = SPN) =>
    (await kerberos(env).open(spn, credentials)).step(undefined);
  /** Why there is no token. */
  const failure = async (...wanted: Parameters<typeof token>): Promise<string> => {
    try {
      await token(...wanted);
    } catch (error) {
      if (error instanceof KerberosFailure) return error.reason;
      throw error;
    }
    throw new Error("there is a token");
  };

  test("come from the cache that KRB5CCNAME names", async () => {
    const ccache = await kdc.kinit("alice", { password: "Passw0rd!" });
    const bytes = Buffer.from(await token({}, { KRB5CCNAME: ccache }), "base64");
    expect(bytes.length).toBeGreaterThan(500);
    expect(bytes.includes("NTLMSSP")).toBe(false);
    expect(await kdc.tickets(ccache)).toContain("HTTP/idp.corp.example@CORP.EXAMPLE");
  });

  test("come from a configured cache, whatever the environment says", async () => {
    const ccache = await kdc.kinit("svc-batch");
    expect(await token({ ccache, principal: PRINCIPAL }, { KRB5CCNAME: "FILE:/nonexistent/cc" })).not.toBe("");
  });

  test("come from a keytab without kinit, and leave no cache file behind", async () => {
    const ccache = join(kdc.folder, "never");
    expect(await token({ keytab: kdc.keytab("svc-batch") }, { KRB5CCNAME: `FILE:${ccache}` })).not.toBe("");
    expect(existsSync(ccache)).toBe(false);
    expect(await token({ keytab: kdc.keytab("machine$"), principal: "machine$@CORP.EXAMPLE" })).not.toBe("");
  });

  test("of several identities do not mix in one process", async () => {
    const host = kerberos();
    const open = async (name: string) => {
      const context = await host.open(SPN, { keytab: kdc.keytab(name), principal: `${name}@CORP.EXAMPLE` });
      return context.step(undefined);
    };
    const tokens = await Promise.all([open("svc-batch"), open("machine$"), open("svc-batch")]);
    expect(new Set(tokens).size).toBe(3);
  });

  test("are missing by cause", async () => {
    expect(await failure({}, { KRB5CCNAME: "FILE:/nonexistent/cc" })).toBe("no-ticket");
    const alices = await kdc.kinit("alice", { password: "Passw0rd!" });
    expect(await failure({ ccache: alices, principal: "bob@CORP.EXAMPLE" })).toBe("other-principal");
    expect(await failure({ ccache: alices }, {}, "HTTP@elsewhere.corp.example")).toBe("unknown-spn");
    expect(await failure({ keytab: "/nonexistent/keytab" })).toBe("keytab-unreadable");
    expect(await failure({ keytab: kdc.keytab("svc-batch"), principal: "alice@CORP.EXAMPLE" })).toBe(
      "keytab-without-principal",
    );
    const empty = join(kdc.folder, "empty.keytab");
    writeFileSync(empty, "");
    expect(await failure({ keytab: empty })).toBe("keytab-unreadable");
    await kdc.admin("modprinc -allow_tix locked-batch");
    expect(await failure({ keytab: kdc.keytab("locked-batch") })).toBe("client-locked");
    await kdc.admin("delprinc -force locked-batch");
    expect(await failure({ keytab: kdc.keytab("locked-batch") })).toBe("unknown-client");
  });

  test("need a keytab of the right key version, with and without preauthentication", async () => {
    await kdc.newKey("old-batch");
    expect(await failure({ keytab: kdc.keytab("old-batch") })).toBe("wrong-key");
    await kdc.admin("modprinc +requires_preauth old-batch");
    expect(await failure({ keytab: kdc.keytab("old-batch") })).toBe("wrong-key");
    expect(await token({ keytab: `${kdc.keytab("old-batch")}.new` })).not.toBe("");
  });

  test("expire", async () => {
    const ccache = await kdc.kinit("svc-batch", { lifetime: "1s" });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await failure({ ccache })).toBe("expired-ticket");
  });

  test("need a KDC that can be reached, and a configuration", async () => {
    const credentials = { keytab: kdc.keytab("svc-batch") };
    const down = kdc.writeKrb5Conf("down.conf", { kdc: "127.0.0.1:1" });
    expect(await failure(credentials, { KRB5_CONFIG: down })).toBe("kdc-unreachable");
    const unresolved = kdc.writeKrb5Conf("unresolved.conf", { kdc: "kdc.invalid" });
    expect(await failure(credentials, { KRB5_CONFIG: unresolved })).toBe("kdc-unreachable");
    expect(await failure(credentials, { KRB5_CONFIG: "/nonexistent/krb5.conf" })).toBe("configuration");
  });

  test("are refused by name in any language", async () => {
    const german = { LANG: "de_DE.UTF-8", LC_ALL: "de_DE.UTF-8", LANGUAGE: "de" };
    expect(await failure({}, { ...german, KRB5CCNAME: "FILE:/nonexistent/cc" })).toBe("no-ticket");
  });

  test("are not confused by what the library traces to standard output", async () => {
    expect(await token({ keytab: kdc.keytab("svc-batch") }, { KRB5_TRACE: "/dev/stdout" })).not.toBe("");
  });

  test("are given up at the caller's deadline while the KDC is silent, and the next one is not kept waiting", async () => {
    const silent = await silentServer();
    const { port } = silent.address() as AddressInfo;
    const hole = kdc.writeKrb5Conf("hole.conf", { kdc: `127.0.0.1:${port}` });
    const host = kerberos({ KRB5_CONFIG: hole });
    const startMs = performance.now();
    const signal = AbortSignal.timeout(500);
    const keytab = kdc.keytab("svc-batch");
    const given = host.open(SPN, { keytab }, { signal }).then((context) => context.step(undefined));
    await expect(given).rejects.toMatchObject({ reason: "no-answer" });
    expect(performance.now() - startMs).toBeLessThan(1_500);
    silent.close();
    // libkrb5 sees a closed port at once: another child answers.
    const context = await host.open(SPN, { keytab });
    await expect(context.step(undefined)).rejects.toMatchObject({ reason: "kdc-unreachable" });
  });

  test("are not delegated, and mutual authentication is asked for", async () => {
    const context = await kerberos().open(SPN, { keytab: kdc.keytab("svc-batch") });
    await context.step(undefined);
    expect(context.mutual).toBe(false);
    await expect(context.step(Buffer.from("not from the server").toString("base64"))).rejects.toMatchObject({
      reason: "server-not-proved",
    });
  });
});

function silentServer(): Promise<Server> {
  const server = createServer((socket) => socket.on("error", () => {}).unref());
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
