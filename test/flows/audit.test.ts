/** What is on record after whole runs on a fake host: every exchange once, and nothing that is none. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../src/main.ts";
import { SYSTEM, USER } from "../config/helpers.ts";
import { type FakeHostOptions, fakeMachine } from "../support/fake-host.ts";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";

let world: OidcWorld;
beforeAll(async () => {
  world = await startOidcWorld();
});
afterAll(() => world.close());
afterEach(() => world.reset());

const SECRET_FILE = "/etc/billing.secret";
const LOG = "/var/log/sts-broker/audit.log";

function machine(audit = `[audit]\nfile = "${LOG}"\n`) {
  const made = fakeMachine(Date.now());
  const { disk, clock } = made;
  const { clientId, clientSecret } = world.op.clients.secretBasic;
  disk.file(SECRET_FILE, `${clientSecret}\n`);
  disk.directory("/var/log/sts-broker");
  disk.file(SYSTEM, audit, { uid: 0, mode: 0o644 });
  disk.file(
    USER,
    `[identity.corp]
type = "oidc-client-credentials"
issuer = "${world.op.issuer}"
client_id = "${clientId}"
client_secret = { file = "${SECRET_FILE}" }
audience = "sts.amazonaws.com"
[profile.billing]
identity = "corp"
role_arn = "${world.roleArn}"
endpoint_url = "${world.sts.url}"
`,
  );
  const process = (options: FakeHostOptions = {}) => made.host({ http: "real", ...options });
  const records = () =>
    (disk.text(LOG) ?? "")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { disk, clock, process, records };
}

describe("every exchange is on record once", () => {
  it("with what AWS answered, and a cached answer not at all", async () => {
    const { process, records } = machine();
    const cold = process();
    expect(await run(["credential-process"], cold)).toBe(0);
    expect(await run(["credential-process"], process())).toBe(0);
    const { AccessKeyId, SecretAccessKey, SessionToken } = JSON.parse(cold.out.stdout) as Record<string, string>;
    expect(records()).toEqual([
      expect.objectContaining({
        outcome: "ok",
        issuer: world.op.issuer,
        subject: world.op.clients.secretBasic.clientId,
        role_arn: world.roleArn,
        session_name: "ana@web1.corp.example",
        access_key_id: AccessKeyId,
        request_id: expect.stringMatching(/^[\da-f-]{36}$/),
      }),
    ]);
    const text = JSON.stringify(records());
    for (const secret of [SecretAccessKey, SessionToken, world.op.clients.secretBasic.clientSecret])
      expect(text).not.toContain(secret ?? "?");
    expect(text).not.toMatch(/eyJ[\w-]{10}/);
  });

  it("also the one that renews early and fails, while the cached credentials are served", async () => {
    const { process, clock, records } = machine();
    await run(["credential-process"], process());
    await clock.advance(50 * 60_000);
    world.op.faults.always("*", { kind: "status", status: 503 });
    expect(await run(["credential-process"], process())).toBe(0);
    expect(records().map(({ outcome }) => outcome)).toEqual(["ok", "UNREACHABLE"]);
  });

  const FAILURES: [string, string, (made: ReturnType<typeof machine>) => unknown, object][] = [
    ["a missing secret", "SECRET_UNAVAILABLE", ({ disk }) => disk.as(0).remove(SECRET_FILE), { issuer: null }],
    ["a provider that refuses", "IDP_REFUSED", ({ disk }) => disk.file(SECRET_FILE, "wrong"), { issuer: null }],
    [
      "a provider that is down",
      "UNREACHABLE",
      () => world.op.faults.always("*", { kind: "status", status: 503 }),
      { issuer: null, request_id: null },
    ],
    ["a token that AWS would not take", "ASSERTION_UNUSABLE", () => (world.op.token.claims = { sub: undefined }), {}],
    [
      "a role that does not trust it",
      "STS_REFUSED",
      () => world.trust(),
      { subject: "cc-basic", request_id: expect.stringMatching(/^[\da-f-]{36}$/) },
    ],
    [
      "a token taken for expired, after a second one",
      "STS_REFUSED",
      () => world.sts.respond("ExpiredTokenException", "Token expired"),
      { request_id: expect.any(String) },
    ],
    ["an answer that is none", "STS_INVALID_ANSWER", () => world.sts.html(), { access_key_id: null }],
  ];
  it.each(FAILURES)("of %s: %s", async (_, outcome, breakIt, known) => {
    const made = machine();
    breakIt(made);
    const host = made.process();
    // Real sockets under a clock of our own: it moves slowly beside them, for the pauses between tries.
    const moving = setInterval(() => void made.clock.advance(50), 5);
    expect(await run(["credential-process"], host)).not.toBe(0);
    clearInterval(moving);
    expect(made.records()).toEqual([
      expect.objectContaining({ outcome, access_key_id: null, expires: null, profile: "billing", ...known }),
    ]);
    const said = /^sts-broker: (.*)\n/.exec(host.out.stderr)?.[1];
    expect(made.records()[0]?.message).toBe(said);
  });

  it("when nobody answers until the deadline", async () => {
    const { process, clock, records } = machine();
    world.op.faults.always("/token", { kind: "hang" });
    const moving = setInterval(() => void clock.advance(500), 5);
    expect(await run(["credential-process"], process())).toBe(5);
    clearInterval(moving);
    expect(records()).toEqual([expect.objectContaining({ outcome: "TIMEOUT" })]);
  });

  it("and token and explain make none", async () => {
    const { process, records } = machine();
    expect(await run(["token"], process())).toBe(0);
    const explaining = process();
    await run(["explain"], explaining);
    expect(explaining.out.stdout).toContain("Would AWS take it?");
    expect(records()).toEqual([]);
  });
});

describe("a required record that cannot be written", () => {
  const REQUIRED = `[audit]\nfile = "${LOG}"\nrequired = true\n`;

  it("stops the exchange before anybody is asked", async () => {
    const { process, disk } = machine(REQUIRED);
    disk.file(LOG, "", { uid: 0 });
    const before = [world.op.count("/token"), world.sts.count("AssumeRoleWithWebIdentity")];
    const host = process();
    expect([await run(["credential-process"], host), host.out.stdout]).toEqual([2, ""]);
    expect(host.out.stderr).toMatch(
      /^sts-broker: the audit record cannot be written to .* \(permission denied, EACCES\)/,
    );
    expect([world.op.count("/token"), world.sts.count("AssumeRoleWithWebIdentity")]).toEqual(before);
  });

  it("after the exchange leaves nothing printed and nothing cached", async () => {
    const { process, disk, clock } = machine("[audit]\nsyslog = true\nrequired = true\n");
    for (const path of ["/usr/bin/logger", "/dev/log"]) disk.file(path, "", { uid: 0 });
    const failing = process();
    failing.program("/usr/bin/logger", () => ({ status: 1 }));
    expect([await run(["credential-process"], failing), failing.out.stdout]).toEqual([2, ""]);
    expect(failing.out.stderr).toMatch(/so the new credentials are thrown away\n/);
    const before = world.sts.count("AssumeRoleWithWebIdentity");
    // A failure of the same moment would be taken for one that was waited for.
    await clock.advance(10);
    const next = process();
    next.program("/usr/bin/logger", () => "");
    expect(await run(["credential-process"], next)).toBe(0);
    expect(world.sts.count("AssumeRoleWithWebIdentity")).toBe(before + 1);
  });

  it("does not take away credentials that are valid and on record", async () => {
    const { process, disk, clock } = machine(REQUIRED);
    const first = process();
    await run(["credential-process"], first);
    await clock.advance(50 * 60_000);
    disk.fail("ENOSPC", "/var/log");
    const later = process();
    expect([await run(["credential-process"], later), later.out.stdout]).toEqual([0, first.out.stdout]);
  });
});

it("a mistyped [audit] stops the exchange, and not a cached answer", async () => {
  const { process, disk, records } = machine();
  await run(["credential-process"], process());
  disk.file(SYSTEM, '[audit]\nflie = "/var/log/x"\n', { uid: 0, mode: 0o644 });
  expect(await run(["credential-process"], process())).toBe(0);
  const cold = process();
  expect(await run(["credential-process", "--store", "none"], cold)).toBe(2);
  expect(cold.out.stderr).toContain(`${SYSTEM}:2:1: unknown key "flie" in [audit]`);
  expect(records()).toHaveLength(1);
});
