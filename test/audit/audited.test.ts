import { describe, expect, it } from "vitest";
import { audited } from "../../src/audit/audited.ts";
import type { AuditPlace } from "../../src/config/audit.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { configured, failure, GOOD, resolve } from "../config/helpers.ts";
import type { FakeHost } from "../support/fake-host.ts";

const LOG = "/var/log/sts-broker/audit.log";
const FILE: AuditPlace = { kind: "file", path: LOG, required: false };
const SYSLOG: AuditPlace = { kind: "syslog", required: false };
const JOURNAL: AuditPlace = { kind: "journald", required: false };
const required = (place: AuditPlace): AuditPlace => ({ ...place, required: true });

function machine(): FakeHost {
  const host = configured(GOOD);
  const { disk } = host.machine;
  disk.directory("/var/log/sts-broker");
  for (const path of ["/usr/bin/logger", "/dev/log", "/run/systemd/journal/socket"]) disk.file(path, "", { uid: 0 });
  return host;
}

async function run(host: FakeHost, places: readonly AuditPlace[], fails?: Error): Promise<{ exchanges: number }> {
  const { profile } = await resolve(host);
  const counted = { exchanges: 0 };
  const value = {
    accessKeyId: "ASIAEXAMPLE",
    secretAccessKey: new Secret("s"),
    sessionToken: new Secret("t"),
    expiresAtMs: host.clock.nowMs() + 3_600_000,
    assumedRoleArn: "arn:aws:sts::123456789012:assumed-role/billing/ana",
  };
  await audited({ host, profile, places, deadlineMs: host.clock.monotonicMs() + 1_000 }, async () => {
    counted.exchanges += 1;
    if (fails !== undefined) throw fails;
    return { value };
  });
  return counted;
}

const records = (host: FakeHost, file = LOG) =>
  (host.machine.disk.text(file) ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("an exchange on record", () => {
  it("adds one line to the file, and the file is private", async () => {
    const host = machine();
    await run(host, [FILE]);
    await run(host, [FILE]);
    expect(records(host).map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
    expect(host.machine.disk.mode(LOG)).toBe(0o600);
  });

  it("that fails is on record too, and fails as it did", async () => {
    const host = machine();
    const refused = new BrokerError("STS_REFUSED", "AWS says no");
    expect(await failure(() => run(host, [FILE], refused))).toBe(refused);
    expect(records(host)).toMatchObject([{ outcome: "STS_REFUSED", message: "AWS says no" }]);
  });

  it("goes to syslog through logger's standard input, never its arguments", async () => {
    const host = machine();
    host.program("/usr/bin/logger", () => "");
    await run(host, [SYSLOG]);
    const [{ argv, input } = { argv: [], input: "" }] = host.spawned;
    expect(argv).toEqual("/usr/bin/logger --socket-errors=on --size 8192 -t sts-broker -p authpriv.info".split(" "));
    expect(JSON.parse(input ?? "")).toMatchObject({ outcome: "ok" });
  });

  it("goes to the journal as an entry with our identifier", async () => {
    const host = machine();
    host.program("/usr/bin/logger", () => "");
    await run(host, [JOURNAL]);
    const [{ argv, input } = { argv: [], input: "" }] = host.spawned;
    expect(argv).toEqual(["/usr/bin/logger", "--journald"]);
    expect(input).toMatch(/^SYSLOG_IDENTIFIER=sts-broker\nSYSLOG_FACILITY=10\nPRIORITY=6\nMESSAGE=\{[^\n]*\}\n$/);
  });
});

describe("a place that takes no record", () => {
  const BROKEN: [string, AuditPlace, (host: FakeHost) => void, string][] = [
    ["a directory that is not there", { ...FILE, path: "/srv/none/a" } as AuditPlace, () => {}, "no such directory"],
    ["a file of somebody else", FILE, ({ machine: { disk } }) => disk.file(LOG, "", { uid: 0 }), "permission denied"],
    ["a full disk", FILE, ({ machine: { disk } }) => disk.fail("ENOSPC", "/var/log"), "no space left"],
    ["no syslog", SYSLOG, (host) => host.machine.disk.as(0).remove("/dev/log"), "there is no /dev/log"],
    ["no logger", SYSLOG, (host) => host.machine.disk.as(0).remove("/usr/bin/logger"), "there is no /usr/bin/logger"],
    [
      "no journal",
      JOURNAL,
      (host) => host.machine.disk.as(0).remove("/run/systemd/journal/socket"),
      "there is no /run/systemd/journal/socket",
    ],
  ];

  it.each(BROKEN)("(%s) is a warning", async (_, place, breakIt, why) => {
    const host = machine();
    breakIt(host);
    expect(await run(host, [place])).toEqual({ exchanges: 1 });
    expect(host.warnings).toEqual([expect.stringMatching(/^audit record not written to [^\n]+: /)]);
    expect(host.warnings[0]).toContain(why);
  });

  it.each(BROKEN)("(%s) and is required lets no exchange begin", async (_, place, breakIt, why) => {
    const host = machine();
    breakIt(host);
    const begun = { exchanges: 0 };
    const error = await failure(async () => Object.assign(begun, await run(host, [required(place)])));
    expect([error.code, error.exitCode, begun.exchanges]).toEqual(["AUDIT_FAILED", 2, 0]);
    expect(error.message).toContain(why);
    expect(error.message).toMatch(/, so no credentials are fetched$/);
    expect(host.warnings).toEqual([]);
  });

  it("is on record in the places that do take one", async () => {
    const host = machine();
    host.machine.disk.as(0).remove("/dev/log");
    await failure(() => run(host, [FILE, required(SYSLOG)]));
    expect(records(host)).toMatchObject([{ outcome: "AUDIT_FAILED", access_key_id: null }]);
  });

  it.each([[SYSLOG], [JOURNAL]])(
    "after the exchange (%j): a warning, and where it is required no credentials",
    async (place) => {
      const host = machine();
      host.program("/usr/bin/logger", () => ({ status: 1 }));
      await run(host, [place]);
      expect(host.warnings).toEqual([expect.stringContaining("ended with 1")]);
      const error = await failure(() => run(host, [required(place)]));
      expect(error.code).toBe("AUDIT_FAILED");
      expect(error.message).toMatch(/was not written .*, so the new credentials are thrown away$/);
    },
  );

  it("does not hide why an exchange failed", async () => {
    const host = machine();
    host.program("/usr/bin/logger", () => ({ status: 1 }));
    const refused = new BrokerError("STS_REFUSED", "AWS says no");
    expect(await failure(() => run(host, [required(SYSLOG)], refused))).toBe(refused);
    expect(host.warnings).toHaveLength(1);
  });
});
