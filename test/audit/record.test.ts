import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { auditLine, occasionOf, type Trace } from "../../src/audit/record.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import type { SessionCredentials } from "../../src/core/types.ts";
import { configured, GOOD, resolve } from "../config/helpers.ts";
import { document } from "../docs/documents.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00.123Z");
const MARKER = "hunter2marker";
const minted: SessionCredentials = {
  accessKeyId: "ASIAEXAMPLE",
  secretAccessKey: new Secret(MARKER),
  sessionToken: new Secret(MARKER),
  expiresAtMs: NOW_MS + 3_600_000,
  assumedRoleArn: "arn:aws:sts::123456789012:assumed-role/billing/ana@web1",
};
const trace: Trace = {
  assertion: {
    kind: "oidc",
    token: new Secret(MARKER),
    issuer: "https://idp.corp.example",
    audience: "billing-batch",
    subject: "0f6a",
    expiresAtMs: NOW_MS,
  },
  roleArn: "arn:aws:iam::123456789012:role/billing",
  requestId: "c6104cbe-af31-11e0-8154-cbc7ccf896c7",
};

async function line(outcome: SessionCredentials | Error, seen: Trace = trace, toml = GOOD): Promise<string> {
  const host = configured(toml, { hostname: "web1" });
  const { profile } = await resolve(host);
  return auditLine(occasionOf(host, profile), seen, outcome, NOW_MS);
}

describe("an audit record", () => {
  it("says who called what, who was proved, which role was taken and how CloudTrail names it", async () => {
    const text = await line(minted);
    expect(text).toMatch(/^\{[^\n]*\}\n$/);
    expect(JSON.parse(text)).toEqual({
      version: 1,
      time: "2026-01-01T00:00:00.123Z",
      outcome: "ok",
      message: null,
      uid: 1000,
      user: "ana",
      pid: expect.any(Number),
      hostname: "web1",
      command: "credential-process",
      parent_pid: 99,
      parent_name: "aws",
      parent_executable: "/usr/bin/python3.11",
      profile: "billing",
      identity: "corp",
      identity_type: "oidc-client-credentials",
      issuer: "https://idp.corp.example",
      subject: "0f6a",
      role_arn: "arn:aws:iam::123456789012:role/billing",
      session_name: "ana@web1",
      access_key_id: "ASIAEXAMPLE",
      request_id: "c6104cbe-af31-11e0-8154-cbc7ccf896c7",
      expires: "2026-01-01T01:00:00.123Z",
    });
    expect(text).not.toContain(MARKER);
  });

  it("has every field described in README and the man page", async () => {
    const audit =
      document("README.md")
        .split(/^## /m)
        .find((section) => section.startsWith("Audit")) ?? "";
    for (const field of Object.keys(JSON.parse(await line(minted)) as object)) {
      expect(audit).toContain(`\`${field}\``);
      expect(document("man/sts-broker-config.5")).toMatch(new RegExp(`^\\.It Ic .*\\b${field}\\b`, "m"));
    }
  });

  it("of a failure has its code and line, the same fields, and null for what was never known", async () => {
    const record = JSON.parse(await line(new BrokerError("IDP_REFUSED", "the provider says no"), {})) as object;
    expect(record).toMatchObject({ outcome: "IDP_REFUSED", message: "the provider says no", issuer: null });
    expect(record).toMatchObject({ access_key_id: null, request_id: null, expires: null });
    expect(Object.keys(record)).toEqual(Object.keys(JSON.parse(await line(minted)) as object));
  });

  it("of a bug does not quote what the bug says", async () => {
    const text = await line(new TypeError(`cannot read ${MARKER}`));
    expect(JSON.parse(text)).toMatchObject({ outcome: "UNEXPECTED", message: expect.stringMatching(/TypeError$/) });
    expect(text).not.toContain(MARKER);
  });

  it("names the session as a SAML assertion does, where AWS has not named it yet", async () => {
    const saml: Trace = {
      assertion: {
        kind: "saml",
        response: new Secret(MARKER),
        issuer: "https://adfs.corp.example",
        subject: "",
        grants: [],
        sessionName: "host-web1",
        expiresAtMs: NOW_MS,
        encrypted: true,
      },
    };
    const record = JSON.parse(await line(new BrokerError("STS_REFUSED", "no"), saml)) as object;
    expect(record).toMatchObject({ session_name: "host-web1", subject: null });
  });

  it("is one line of at most 4,096 bytes without control characters, whatever anybody puts into it", async () => {
    const host = configured(GOOD);
    const { profile } = await resolve(host);
    const nasty = fc.oneof(
      fc.string({ unit: "binary", maxLength: 6000 }),
      fc.constantFrom("\n", '"', "\\", "\u001b[2J", "ä", "\u{1f600}", "\ud800").map((one) => one.repeat(5000)),
    );
    fc.assert(
      fc.property(nasty, nasty, (one, other) => {
        const occasion = {
          ...occasionOf(host, { ...profile, name: one, identity: { ...profile.identity, name: one, kind: one } }),
          user: one,
          hostname: one,
          command: one,
          parent: { pid: 1, name: one, executable: other },
        };
        const assertion = { ...trace.assertion, issuer: one, subject: other } as NonNullable<Trace["assertion"]>;
        const text = auditLine(
          occasion,
          { assertion, roleArn: other, requestId: one },
          new BrokerError("UNEXPECTED", other),
          NOW_MS,
        );
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
        expect(text.slice(0, -1)).not.toMatch(/\p{Cc}/u);
        JSON.parse(text);
      }),
      { numRuns: 60 },
    );
  });
});
