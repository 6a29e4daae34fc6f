import { describe, expect, it } from "vitest";
import { audit } from "../../src/doctor/checks/audit.ts";
import { failures } from "../../src/doctor/checks/failures.ts";
import { permissions } from "../../src/doctor/checks/permissions.ts";
import { stores } from "../../src/doctor/checks/stores.ts";
import { GOOD } from "../config/helpers.ts";
import { look, said } from "./looking.ts";

const at = (table: string) => `${GOOD}\n[audit]\n${table}\n`;

describe("audit records", () => {
  it("can be written where the directory is there, and no file is made for the look", async () => {
    const toml = at('file = "/var/log/broker/audit.log"');
    let isThere = (): boolean => true;
    const lines = await look(audit, {
      toml,
      arrange: (host) => {
        host.machine.disk.directory("/var/log/broker");
        isThere = () => host.files.stat("/var/log/broker/audit.log") !== undefined;
      },
    });
    expect(said(lines)).toEqual(["ok: records can be written to /var/log/broker/audit.log"]);
    expect(isThere()).toBe(false);
  });

  it("fail where they are required and cannot be written, and warn where they are not", async () => {
    const file = 'file = "/var/log/broker/audit.log"';
    const [wanted] = await look(audit, { toml: at(`${file}\nrequired = true`) });
    expect(wanted).toMatchObject({ state: "failed", hint: "ls -ld /var/log/broker/audit.log" });
    expect(wanted?.detail).toMatch(/without it there are no credentials/);
    expect((await look(audit, { toml: at(file) }))[0]?.state).toBe("warning");
    expect(said(await look(audit))).toEqual(["skipped: no [audit] is configured"]);
  });
});

describe("permissions", () => {
  it("names a secret that others may read, with the command that mends it", async () => {
    const arrange: NonNullable<Parameters<typeof look>[1]>["arrange"] = (host) =>
      host.machine.disk.chmod("/etc/billing.secret", 0o644);
    expect((await look(permissions, { arrange }))[0]).toMatchObject({
      state: "failed",
      identity: "corp",
      detail: "client_secret: /etc/billing.secret is open to others (mode 0644)",
      hint: "chmod 600 /etc/billing.secret",
    });
  });

  it("names a cache directory that is another user's", async () => {
    const [line] = await look(permissions, {
      arrange: (host) => host.machine.disk.directory("/home/ana/.cache/sts-broker", { uid: 0, mode: 0o700 }),
    });
    expect(line).toMatchObject({ state: "warning", hint: "sudo chown -R ana ~/.cache/sts-broker" });
  });
});

describe("stores", () => {
  it("says which one auto uses, from what it protects, and why not a stronger one", async () => {
    const lines = await look(stores, {
      arrange: (host) => {
        host.machine.keychain.state = "absent";
        host.machine.keyring.state = "not-available";
      },
    });
    expect(lines[0]?.detail).toMatch(/^store = "auto" keeps credentials in file, which protects from other users; not/);
    expect(lines.slice(1).map(({ state, detail }) => `${state} ${detail.split(" ")[0]}`)).toEqual([
      "skipped keychain",
      "skipped kernel",
      "skipped runtime",
    ]);
  });

  it("fails for a store that is named and does not work", async () => {
    const [line] = await look(stores, {
      toml: `${GOOD}store = "keychain"\n`,
      arrange: (host) => {
        host.machine.keychain.state = "absent";
      },
    });
    expect(line).toMatchObject({ state: "failed", detail: expect.stringMatching(/^store = "keychain" does not work/) });
  });
});

describe("what is remembered", () => {
  it("has a server that asked to be left alone, until it may be asked again", async () => {
    const nowMs = Date.parse("2026-01-01T00:00:00Z");
    const record = { version: 1, endpoint: "idp.corp.example", atMs: nowMs, notBeforeMs: nowMs + 300_000, retries: 20 };
    const lines = await look(failures, {
      arrange: (host) => {
        host.machine.disk.directory("/home/ana/.cache/sts-broker", { mode: 0o700 });
        host.machine.disk.file("/home/ana/.cache/sts-broker/throttling/abc", JSON.stringify(record));
        host.machine.disk.file("/home/ana/.cache/sts-broker/throttling/torn", "{");
      },
    });
    expect(said(lines)).toEqual([
      expect.stringMatching(/^warning: idp\.corp\.example throttles, and asks .* \(5 min\)$/),
    ]);
  });
});
