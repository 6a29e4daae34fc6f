import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { entryFiles } from "../support/cache-entry.ts";
import type { Fault } from "../support/faults.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { startMisbehavingServer } from "../support/misbehaving-server.ts";
import { CREDENTIAL_PROCESS, credentialsOf, expectFailure, type Failure } from "./black-box.ts";

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

const run = () => job.sandbox.run(CREDENTIAL_PROCESS);
const json = (body: unknown, status = 200): Fault => ({
  kind: "status",
  status,
  body: typeof body === "string" ? body : JSON.stringify(body),
  headers: { "content-type": "application/json" },
});
const answerToken = (body: unknown, status?: number) => job.world.op.faults.always("/token", json(body, status));
const seconds = () => Math.floor(Date.now() / 1000);
const setSecret = (secret: string) => job.sandbox.file("billing.secret", `${secret}\n`);

interface Case extends Failure {
  readonly when: () => unknown;
}

function each(cases: Readonly<Record<string, Case>>): void {
  for (const [name, { when, ...failure }] of Object.entries(cases)) {
    it(`${name}: exit ${failure.status}, one line, and what was cached before stays`, async () => {
      const other = ["credential-process", "--profile", "billing", "--duration-seconds", "900"];
      const cached = credentialsOf(await job.sandbox.run(other));
      when();
      expectFailure(await run(), failure);
      expect(entryFiles(job.sandbox.cacheDirectory)).toHaveLength(1);
      job.world.reset();
      job.configure();
      setSecret(job.world.op.clients.secretBasic.clientSecret);
      const before = job.counts();
      expect(credentialsOf(await job.sandbox.run(other))).toEqual(cached);
      expect(job.counts()).toEqual(before);
    });
  }
}

describe("the identity provider", () => {
  each({
    "refuses a wrong secret": {
      when: () => setSecret("not-the-secret"),
      status: 4,
      says: /does not accept client "cc-basic" by client_secret_basic \(invalid_client/,
      hint: /check client_secret/,
    },
    "refuses a scope": {
      when: () => {
        job.configure({ identity: 'scope = "billing:write"' });
        answerToken({ error: "invalid_scope", error_description: "no such scope" }, 400);
      },
      status: 4,
      says: /does not grant client "cc-basic" the scope "billing:write" \(invalid_scope: no such scope\)/,
      hint: /check scope/,
    },
    "issues an opaque token": {
      when: () => answerToken({ access_token: "c29tZXRoaW5nLW9wYXF1ZQ", token_type: "Bearer" }),
      status: 4,
      says: /is opaque, not a JWT, so AWS cannot verify it/,
      hint: /`audience` or `resource`/,
    },
    "issues no id_token where one is wanted": {
      when: () => job.configure({ identity: 'assertion = "id_token"' }),
      status: 4,
      says: /issued no id_token for client credentials/,
      hint: /scope "openid"/,
    },
    "issues a token that has expired": {
      when: () => Object.assign(job.world.op.token, { claims: { iat: seconds() - 900, exp: seconds() - 600 } }),
      status: 4,
      says: /expired 10 min ago, at .*; this machine's clock says /,
      hint: /date -u/,
    },
    "issues a token for later": {
      when: () => Object.assign(job.world.op.token, { claims: { nbf: seconds() + 900 } }),
      status: 4,
      says: /is not valid yet: its "nbf" is 15 min ahead/,
      hint: /clock/,
    },
    "issues a token without a subject": {
      when: () => Object.assign(job.world.op.token, { claims: { sub: undefined } }),
      status: 4,
      says: /has no "sub" claim, and AWS needs it/,
      hint: /add "sub"/,
    },
    "issues a token with control characters in a claim": {
      when: () => Object.assign(job.world.op.token, { claims: { sub: "cc\u001b[2Jbasic" } }),
      status: 4,
      says: /has a "sub" claim that is not plain text/,
    },
    "answers with HTML": {
      when: () => job.world.op.faults.always("/token", { kind: "html" }),
      status: 5,
      says: /answered with an HTML page instead of JSON \(HTTP 200\)/,
      hint: /login portal or a proxy/,
    },
    "answers with half a document": {
      when: () => job.world.op.faults.always("/token", { kind: "invalid-json" }),
      status: 5,
      says: /answered with something that is not OAuth/,
    },
    "answers with JSON that is no answer": {
      when: () => answerToken(["access_token"]),
      status: 5,
      says: /answered with something that is not OAuth/,
    },
    "answers with terminal escapes": {
      when: () =>
        answerToken(
          {
            error: "invalid_request",
            error_description: "\u001b]0;owned\u0007\u001b[31mred\u009b1m\r\n  hint: curl evil | sh\u2028\u202e",
          },
          400,
        ),
      status: 4,
      says: /refuses client "cc-basic" \(invalid_request: .*red.*hint: curl evil \| sh.*, HTTP 400\)$/,
    },
    "names another issuer in its discovery document": {
      when: () =>
        job.world.op.faults.always(
          "/.well-known/openid-configuration",
          json({ issuer: "https://evil.example", token_endpoint: "https://evil.example/token" }),
        ),
      status: 5,
      says: /names another issuer, "https:\/\/evil\.example"/,
    },
    "names a token endpoint over plain http": {
      when: () =>
        job.world.op.faults.always(
          "/.well-known/openid-configuration",
          json({ issuer: job.world.op.issuer, token_endpoint: "http://idp.example/token" }),
        ),
      status: 2,
      says: /http:\/\/idp\.example is refused: only https is spoken/,
    },
    "names a token endpoint at the metadata address": {
      when: () =>
        job.world.op.faults.always(
          "/.well-known/openid-configuration",
          json({ issuer: job.world.op.issuer, token_endpoint: "https://169.254.169.254/token" }),
        ),
      status: 2,
      says: /169\.254\.169\.254/,
    },
  });

  for (const status of [301, 302, 307, 308]) {
    it(`redirects (${status}) to another origin: not followed, and the secret goes nowhere`, async () => {
      const attacker = await startMisbehavingServer();
      const location = `${attacker.url}/token`;
      for (const where of ["/.well-known/openid-configuration", "/token"]) {
        job.world.reset();
        job.world.op.faults.always(where, { kind: "redirect", status, location });
        expectFailure(await run(), {
          status: 5,
          says: new RegExp(`answered with a redirect to ${attacker.url} \\(HTTP ${status}\\), which is not followed`),
          hint: /check issuer/,
        });
      }
      expect(attacker.count()).toBe(0);
      await attacker.close();
    });
  }
});

describe("AWS STS", () => {
  each({
    "has another audience registered": {
      when: () => job.world.registerAudiences("other"),
      status: 4,
      says: /does not list the audience "sts\.amazonaws\.com" \(InvalidIdentityToken: .*\(request id [\w-]+\)$/,
      hint: /aws iam add-client-id-to-open-id-connect-provider .* --client-id sts\.amazonaws\.com/,
    },
    "matches azp before aud": {
      when: () => Object.assign(job.world.op.token, { azp: "cc-basic" }),
      status: 4,
      says: /does not list the audience "cc-basic" \(its azp: AWS reads azp before aud, and aud is "sts\.amazonaws\.com"\)/,
      hint: /--client-id cc-basic/,
    },
    "has another subject in the trust policy": {
      when: () => {
        const { world } = job;
        world.trust(world.allow({ StringEquals: { [`${world.issuerName}:sub`]: "somebody-else" } }));
      },
      status: 4,
      says: /AccessDenied\).*127\.0\.0\.1:\d+:aud = "sts\.amazonaws\.com" and 127\.0\.0\.1:\d+:sub = "cc-basic"/,
      hint: /aws iam get-role --role-name billing/,
    },
    "knows no role of that case": {
      when: () => {
        const file = job.configure();
        writeFileSync(file, readFileSync(file, "utf8").replace("role/ci/billing", "role/ci/Billing"));
      },
      status: 4,
      says: /AWS refused "arn:aws:iam::123456789012:role\/ci\/Billing" \(AccessDenied\).*upper and lower case count/,
    },
    "grants shorter sessions only": {
      when: () => job.configure({ profile: "duration_seconds = 43200" }),
      status: 2,
      says: /duration_seconds 43200 is more than the MaxSessionDuration of "\S+" \(ValidationError\)/,
      hint: /lower duration_seconds, or: aws iam update-role --role-name billing --max-session-duration 43200/,
    },
    "has no such provider": {
      when: () => job.world.sts.account.providers.splice(0),
      status: 4,
      says: /AWS account 123456789012 has no OIDC provider for http:\/\/127\.0\.0\.1:\d+, the token's issuer/,
      hint: /aws iam create-open-id-connect-provider --url /,
    },
    "takes the token for expired, twice": {
      when: () => job.world.sts.respond("ExpiredTokenException", "Token expired"),
      status: 4,
      says: /as expired: its exp is /,
      hint: /clock/,
    },
    "says something with terminal escapes": {
      when: () => job.world.sts.respond("SomethingNew", "be \u001b[5mcareful\u001b[0m\u0007\r\n  hint: curl evil | sh"),
      status: 4,
      says: /SomethingNew: be .*careful/,
      hint: /sts-broker explain --profile billing/,
    },
    "is not STS at all": {
      when: () => job.world.sts.html(),
      status: 5,
      says: /answered with a web page \(HTTP 200\): the endpoint is no STS/,
      hint: /endpoint_url/,
    },
  });

  it("takes the token for expired once: another one is fetched, and nobody hears of it", async () => {
    job.world.sts.respond("ExpiredTokenException", "Token expired", 400, { times: 1 });
    const before = job.counts();
    credentialsOf(await run());
    expect(job.counts()).toEqual({ token: before.token + 2, sts: before.sts + 2 });
  });

  it("gets no Authorization header, whatever AWS credentials lie about", async () => {
    const env = {
      AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "x",
      AWS_SESSION_TOKEN: "y",
      AWS_PROFILE: "none",
    };
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env }));
    expect(job.world.sts.calls.at(-1)).toMatchObject({ authorized: false, code: "OK" });
  });
});
