import { describe, expect, it } from "vitest";
import { type AuditPlace, checkedAudit } from "../../src/config/audit.ts";
import { sts } from "../commands/helpers.ts";
import type { FakeHostOptions } from "../support/fake-host.ts";
import { configured, failure, GOOD, resolve, SYSTEM, USER } from "./helpers.ts";

async function places(user: string, system?: string, options: FakeHostOptions = {}): Promise<readonly AuditPlace[]> {
  const host = configured(`${GOOD}${user}`, options);
  if (system !== undefined) host.machine.disk.file(SYSTEM, system, { uid: 0, mode: 0o644 });
  return checkedAudit((await resolve(host)).audit, host);
}

const FILE = '[audit]\nfile = "/var/log/sts-broker/audit.log"\n';
const file = (required = false, path = "/var/log/sts-broker/audit.log") => ({ kind: "file", path, required });

describe("[audit]", () => {
  it.each([
    ["", []],
    [FILE, [file()]],
    [`${FILE}required = true\n`, [file(true)]],
    ['[audit]\nfile = "~/audit.log"\n', [file(false, "/home/ana/audit.log")]],
    ["[audit]\nsyslog = true\n", [{ kind: "syslog", required: false }]],
    ["[audit]\njournald = true\nrequired = true\n", [{ kind: "journald", required: true }]],
    [`${FILE}syslog = true\n`, [file(), { kind: "syslog", required: false }]],
  ])("%j names %j", async (toml, expected) => expect(await places(toml)).toEqual(expected));

  it("of the machine stays, whatever the user's says: both are written to", async () => {
    const mine = '[audit]\nfile = "/home/ana/audit.log"\n';
    expect(await places(mine, `${FILE}required = true\n`)).toEqual([file(true), file(false, "/home/ana/audit.log")]);
  });

  it("of the machine cannot be weakened by naming its place again", async () => {
    expect(await places(`${FILE}required = false\n`, `${FILE}required = true\n`)).toEqual([file(true)]);
    expect(await places(`${FILE}required = true\n`, FILE)).toEqual([file(true)]);
  });

  it.each([
    ['[audit]\nfiel = "/x"\n', ':11:1: unknown key "fiel" in [audit]', 'did you mean "file"?'],
    ['[audit]\nfile = "audit.log"\n', ":11:1: file must be an absolute path or start with ~/", undefined],
    ['[audit]\nsyslog = "yes"\n', ":11:1: syslog must be true or false", undefined],
    ["[audit]\n", ":10:2: [audit] names no place", undefined],
    ["[audit]\nsyslog = false\nrequired = true\n", ":10:2: [audit] names no place", undefined],
    ["[audit]\nsyslog = true\njournald = true\n", ":12:1: journald beside syslog", undefined],
    ['[audti]\nfile = "/x"\n', ':10:2: "audti" means nothing here', 'did you mean "audit"?'],
    ['[[audit]]\nfile = "/x"\n', ':10:3: "audit" must be a table', "it is written as [audit]"],
  ])("%j stops the exchange, and the check: %s", async (toml, says, hint) => {
    const error = await failure(() => places(toml));
    expect([error.code, error.message]).toEqual(["CONFIG_INVALID", expect.stringContaining(`${USER}${says}`)]);
    if (hint !== undefined) expect(error.hint).toBe(hint);
    const { status, stderr } = await sts(["config", "check"], `${GOOD}${toml}`);
    expect([status, stderr]).toEqual([2, expect.stringContaining(`${USER}${says}`)]);
    expect((await sts(["config", "show"], `${GOOD}${toml}`)).stderr).toContain(`${USER}${says}`);
  });

  it("says what a system does not have", async () => {
    const host = configured(`${GOOD}[audit]\njournald = true\n`, { platform: "darwin" });
    const error = await failure(async () => checkedAudit((await resolve(host)).audit, host));
    expect(error.message).toContain("journald: there is none on this system");
  });

  it("is shown with where each value came from, and a directory that is missing is found by the check", async () => {
    const shown = await sts(["config", "show"], `${GOOD}${FILE}`);
    expect(shown.stdout.replace(/ {2,}#/g, " #")).toContain(
      `[audit]\nfile = "/var/log/sts-broker/audit.log" # ${USER}:11:1\n`,
    );
    const checked = await sts(["config", "check"], `${GOOD}${FILE}`);
    expect([checked.status, checked.stderr]).toEqual([
      2,
      `sts-broker: ${USER}:11:1: file: there is no directory /var/log/sts-broker\n  hint: mkdir /var/log/sts-broker\n`,
    ]);
  });
});
