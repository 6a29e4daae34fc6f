import type { Entry } from "../../src/cache/entry.ts";
import { Secret } from "../../src/core/secret.ts";
import type { OidcAssertion, Profile, SessionCredentials } from "../../src/core/types.ts";

export const NOW_MS = Date.parse("2026-01-01T00:00:00Z");

function credentials(expiresAtMs: number, id = "ASIAFIRST"): SessionCredentials {
  return {
    accessKeyId: id,
    secretAccessKey: new Secret("secret-access-key-marker"),
    sessionToken: new Secret("session-token-marker"),
    expiresAtMs,
    assumedRoleArn: "arn:aws:sts::123456789012:assumed-role/billing/ana",
  };
}

/** An entry of credentials minted at `mintedAtMs`, an hour long unless said otherwise. */
export function entry(
  mintedAtMs = NOW_MS,
  { lastsMs = 3_600_000, skewMs = 0, id = "ASIAFIRST" } = {},
): Entry<SessionCredentials> {
  const expiresAtMs = mintedAtMs + skewMs + lastsMs;
  return {
    value: credentials(expiresAtMs, id),
    mintedAtMs,
    skewMs,
    expiresAtMs,
    issuer: "https://idp.corp.example",
    subject: "billing-batch",
  };
}

export function tokenEntry(mintedAtMs = NOW_MS, lastsMs = 300_000): Entry<OidcAssertion> {
  const expiresAtMs = mintedAtMs + lastsMs;
  const issuer = "https://idp.corp.example";
  const subject = "billing-batch";
  const value = {
    kind: "oidc",
    token: new Secret("e30.e30.sig"),
    issuer,
    subject,
    audience: "sts",
    expiresAtMs,
  } as const;
  return { value, mintedAtMs, skewMs: 0, expiresAtMs, issuer, subject };
}

/** A profile with every field set. */
export const PROFILE: Profile = {
  name: "billing",
  role: {
    arn: "arn:aws:iam::123456789012:role/billing",
    sessionName: "ana@web1",
    durationSeconds: 3600,
    policy: '{"Version":"2012-10-17"}',
    policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    providerId: "www.example.com",
  },
  sts: {
    region: "eu-west-1",
    regionStated: true,
    endpointUrl: "https://vpce.example",
    useFips: false,
    useDualstack: false,
  },
  identity: {
    name: "corp",
    kind: "oidc-client-credentials",
    settings: { issuer: "https://idp.corp.example", client_id: "billing-batch", client_secret: { file: "/etc/s" } },
  },
  store: "auto",
};
