import { rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile, openEntry } from "../support/cache-entry.ts";
import type { Fault } from "../support/faults.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { closedPort } from "../support/misbehaving-server.ts";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning, expectFailure, warmUp } from "./black-box.ts";

/** The contract's 2 s, and the wait for a processor on a machine that starts hundreds of processes beside it; still below any timeout of ours. */
const EARLY_MS = 2_000 + 10_000;

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  job.world.reset();
  job.configure();
});
afterAll(() => job.close());

const run = (target = job) => target.sandbox.run(CREDENTIAL_PROCESS);
const entry = (target = job) => entryFile(target.sandbox.cacheDirectory);
const all = (target = job) => target.world.op.count() + target.world.sts.count();

type Break = (target: MainJob) => void;
const idp =
  (fault: Fault, where = "*"): Break =>
  ({ world }) =>
    world.op.faults.always(where, fault);

const OUTAGES: Record<string, Break> = {
  "the IdP resets connections": idp({ kind: "reset" }),
  "the IdP hangs": idp({ kind: "hang" }),
  "the IdP hangs at its token endpoint": idp({ kind: "hang" }, "/token"),
  "the IdP answers 503": idp({ kind: "status", status: 503 }),
  "the IdP answers HTML": idp({ kind: "html" }),
  "the IdP drips one byte a second": idp({ kind: "drip" }, "/token"),
  "the IdP pours out 64 MiB": idp({ kind: "huge" }, "/token"),
  "STS resets connections": ({ world }) => world.sts.cut(),
  "STS stalls": ({ world }) => world.sts.stall(),
  "STS answers 503": ({ world }) => world.sts.status(503),
  "STS throttles": ({ world }) => world.sts.throttle(100),
  "STS throttles and asks to wait a minute": ({ world }) => world.sts.throttle(100, { retryAfterSeconds: 60 }),
  "STS answers HTML": ({ world }) => world.sts.html(),
};

describe("with valid credentials in the renewal window", () => {
  for (const [name, breakIt] of Object.entries(OUTAGES)) {
    it(`${name}: they are served within 2 s with one warning, and later callers are not kept at all`, async () => {
      const minted = await warmUp(job);
      const { value } = ageEntry(entry(), 600_000);
      breakIt(job);
      const first = await run();
      expect(
        credentialsWithWarning(first, /credentials not renewed, the cached ones are valid for 10 min more: /),
      ).toMatchObject({ AccessKeyId: minted.AccessKeyId, SessionToken: minted.SessionToken });
      expect(first.tookMs).toBeLessThan(EARLY_MS);

      const before = all();
      for (const later of await Promise.all([run(), run(), run()])) {
        expect(credentialsOf(later).AccessKeyId).toBe(minted.AccessKeyId);
      }
      expect(all()).toBe(before);
      expect(openEntry(entry()).value).toEqual(value);
    });
  }

  it("a wrong secret since then is a warning, too, and costs nobody the credentials", async () => {
    const minted = await warmUp(job);
    ageEntry(entry(), 600_000);
    job.sandbox.file("billing.secret", "rotated\n");
    const result = await run();
    job.sandbox.file("billing.secret", `${job.world.op.clients.secretBasic.clientSecret}\n`);
    expect(credentialsWithWarning(result, /not renewed.*does not accept client/).AccessKeyId).toBe(minted.AccessKeyId);
  });

  it("a missing secret file since then likewise", async () => {
    const minted = await warmUp(job);
    ageEntry(entry(), 600_000);
    rmSync(path.join(job.sandbox.home, "billing.secret"));
    const result = await run();
    job.sandbox.file("billing.secret", `${job.world.op.clients.secretBasic.clientSecret}\n`);
    expect(credentialsWithWarning(result, /not renewed.*does not exist/).AccessKeyId).toBe(minted.AccessKeyId);
  });

  it("when the outage is over and the rest too, it is renewed without a word", async () => {
    const minted = await warmUp(job);
    ageEntry(entry(), 600_000);
    job.world.sts.cut();
    credentialsWithWarning(await run());
    job.world.reset();
    expect(credentialsOf(await run()).AccessKeyId).toBe(minted.AccessKeyId);
    rmSync(path.join(job.sandbox.cacheDirectory, "failures"), { recursive: true });
    expect(credentialsOf(await run()).AccessKeyId).not.toBe(minted.AccessKeyId);
  });

  it("a rest that another clock wrote does not last for ever", async () => {
    const minted = await warmUp(job);
    ageEntry(entry(), 600_000);
    const failure = {
      atMs: Date.now() + 3_600_000,
      untilMs: Date.now() + 7_200_000,
      count: 1,
      code: "TIMEOUT",
      message: "x",
    };
    job.sandbox.file(`.cache/sts-broker/failures/${path.basename(entry())}`, JSON.stringify(failure));
    expect(credentialsOf(await run()).AccessKeyId).not.toBe(minted.AccessKeyId);
  });

  it("a damaged memory of failures is no memory", async () => {
    const minted = await warmUp(job);
    ageEntry(entry(), 600_000);
    job.sandbox.file(`.cache/sts-broker/failures/${path.basename(entry())}`, '{"atMs":');
    expect(credentialsOf(await run()).AccessKeyId).not.toBe(minted.AccessKeyId);
  });
});

describe("with nothing valid", () => {
  const refusals: Record<string, { breakIt: Break; says: RegExp; status?: number }> = {
    "the IdP resets connections": { breakIt: idp({ kind: "reset" }), says: /127\.0\.0\.1:\d+/ },
    "the IdP answers 503": {
      breakIt: idp({ kind: "status", status: 503 }),
      says: /http:\/\/127\.0\.0\.1:\d+ failed with HTTP 503/,
    },
    "the IdP answers 429": { breakIt: idp({ kind: "status", status: 429 }, "/token"), says: /HTTP 429/ },
    "the IdP answers HTML": { breakIt: idp({ kind: "html" }), says: /answered with an HTML page instead of JSON/ },
    "the IdP answers half a document": {
      breakIt: idp({ kind: "invalid-json" }, "/token"),
      says: /127\.0\.0\.1:\d+ answered with/,
    },
    "the IdP pours out 64 MiB": { breakIt: idp({ kind: "huge" }, "/token"), says: /answered with more than \d+ bytes/ },
    "the IdP has no discovery document": {
      breakIt: idp({ kind: "status", status: 404 }),
      says: /has no discovery document/,
    },
    "STS resets connections": { breakIt: ({ world }) => world.sts.cut(), says: /127\.0\.0\.1:\d+/ },
    "STS answers 503": {
      breakIt: ({ world }) => world.sts.status(503),
      says: /AWS STS .* failed with HTTP 503.*after 5 tries/,
    },
    "STS throttles": { breakIt: ({ world }) => world.sts.throttle(100), says: /throttles.*after 6 tries/ },
    "STS answers HTML": { breakIt: ({ world }) => world.sts.html(), says: /answered with a web page \(HTTP 200\)/ },
  };
  for (const [name, { breakIt, says, status = 5 }] of Object.entries(refusals)) {
    it(`${name}: exit ${status} and one line that names what failed`, async () => {
      breakIt(job);
      const result = await run();
      expectFailure(result, { status, says });
      expect(result.tookMs).toBeLessThan(45_000);
    });
  }

  it("nobody listens: the address is named", async () => {
    const port = await closedPort();
    job.sandbox.configure(configuration(`http://127.0.0.1:${port}`));
    expectFailure(await run(), { status: 5, says: new RegExp(`127\\.0\\.0\\.1:${port}`) });
  });

  it("a name that does not resolve: the name is in the line", async () => {
    job.sandbox.configure(configuration("https://idp.does-not-exist.invalid"));
    expectFailure(await run(), { status: 5, says: /idp\.does-not-exist\.invalid/, hint: /./ });
  });

  it("STS throttles twice: it is asked again, and says nothing of it", async () => {
    job.world.sts.throttle(2);
    const before = job.counts();
    await warmUp(job);
    expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 3 });
  });

  it("an expired entry is not served instead", async () => {
    await warmUp(job);
    ageEntry(entry(), -1);
    job.world.sts.status(500);
    expectFailure(await run(), { status: 5, says: /HTTP 500/ });
  });

  function configuration(issuer: string): string {
    return `
[identity.corp]
type = "oidc-client-credentials"
issuer = "${issuer}"
client_id = "cc-basic"
client_secret = { file = "${job.sandbox.home}/billing.secret" }
[profile.billing]
identity = "corp"
role_arn = "${job.world.roleArn}"
endpoint_url = "${job.world.sts.url}"
`;
  }
});
