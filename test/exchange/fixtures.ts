import { Secret } from "../../src/core/secret.ts";
import type { OidcAssertion, RoledProfile, RoleSettings, SamlAssertion, StsSettings } from "../../src/core/types.ts";
import type { Host, Http, HttpRequest, HttpResponse } from "../../src/host/host.ts";

export const NOW_MS = Date.UTC(2026, 6, 1, 12, 0, 0);
export const ROLE_ARN = "arn:aws:iam::123456789012:role/batch/billing";
export const ISSUER = "https://idp.corp.example/realms/prod";
export const PRINCIPAL_ARN = "arn:aws:iam::123456789012:saml-provider/corp";
const XML_TYPE = "text/xml";

export function profileWith(role: Partial<RoleSettings> = {}, sts: Partial<StsSettings> = {}): RoledProfile {
  return {
    name: "billing",
    role: { arn: ROLE_ARN, sessionName: "ana@web1", ...role },
    sts: { region: "eu-west-1", regionStated: true, useFips: false, useDualstack: false, ...sts },
    identity: { name: "corp", kind: "oidc-client-credentials", settings: {} },
    store: "auto",
  };
}

export function jwtOf(claims: Record<string, unknown>, header: Record<string, unknown> = { alg: "RS256" }): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(claims)}.c2lnbmF0dXJl`;
}

export function assertionWith(claims: Record<string, unknown> = {}): OidcAssertion {
  const all = { iss: ISSUER, sub: "service-account", aud: "sts.amazonaws.com", azp: "billing-batch", ...claims };
  return {
    kind: "oidc",
    token: new Secret(jwtOf(all)),
    issuer: String(all.iss),
    audience: String(all.azp ?? all.aud),
    subject: String(all.sub),
    expiresAtMs: NOW_MS + 300_000,
  };
}

export function samlWith(changes: Partial<SamlAssertion> = {}, xml = SAML_XML): SamlAssertion {
  return {
    kind: "saml",
    response: new Secret(Buffer.from(xml).toString("base64")),
    issuer: "http://adfs.corp.example/adfs/services/trust",
    subject: "CORP\\svc-billing",
    grants: [{ roleArn: ROLE_ARN, principalArn: PRINCIPAL_ARN }],
    sessionName: "svc@corp.example",
    expiresAtMs: NOW_MS + 300_000,
    encrypted: false,
    ...changes,
  };
}

const SAML_XML =
  '<samlp:Response><saml:Assertion Version="2.0" IssueInstant="2026-07-01T11:58:00Z"><saml:Subject><saml:SubjectConfirmation>' +
  '<saml:SubjectConfirmationData NotOnOrAfter="2026-07-01T12:05:00Z" Recipient="https://signin.aws.amazon.com/saml"/></saml:SubjectConfirmation></saml:Subject>' +
  "<saml:Audience>urn:amazon:webservices</saml:Audience></saml:Assertion></samlp:Response>";

export function answer(status: number, body: string, headers: Record<string, string> = {}): HttpResponse {
  return {
    status,
    headers: { "content-type": XML_TYPE, "x-amzn-requestid": "11112222-3333", ...headers },
    setCookie: [],
    body: new TextEncoder().encode(body),
    url: "https://sts.eu-west-1.amazonaws.com/",
  };
}

type Action = "AssumeRoleWithWebIdentity" | "AssumeRoleWithSAML";

export interface CredentialFields {
  readonly AccessKeyId?: string;
  readonly SecretAccessKey?: string;
  readonly SessionToken?: string;
  readonly Expiration?: string;
  readonly Arn?: string;
}

export function granted(fields: CredentialFields = {}, action: Action = "AssumeRoleWithWebIdentity"): HttpResponse {
  const { Arn, ...credentials } = {
    AccessKeyId: "ASIAEXAMPLEEXAMPLE12",
    SecretAccessKey: "secret/key+of=40",
    SessionToken: "IQoJ/session+token==",
    Expiration: "2026-07-01T13:00:00Z",
    Arn: "arn:aws:sts::123456789012:assumed-role/billing/ana@web1",
    ...fields,
  };
  const elements = Object.entries(credentials).map(([name, value]) =>
    value === "" ? "" : `<${name}>${value}</${name}>`,
  );
  return answer(
    200,
    `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>
  <Credentials>${elements.join("")}</Credentials>
  <AssumedRoleUser><AssumedRoleId>AROA:ana@web1</AssumedRoleId>${Arn === "" ? "" : `<Arn>${Arn}</Arn>`}</AssumedRoleUser>
  </${action}Result><ResponseMetadata><RequestId>11112222-3333</RequestId></ResponseMetadata></${action}Response>`,
  );
}

export function refused(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): HttpResponse {
  return answer(
    status,
    `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>11112222-3333</RequestId></ErrorResponse>`,
    headers,
  );
}

export interface FakeHost extends Pick<Host, "http" | "clock" | "crypto" | "log"> {
  readonly requests: HttpRequest[];
  readonly pausesMs: number[];
  readonly debugged: string[];
  readonly warned: string[];
}

type Play = HttpResponse | Error;

/** Answers in order, the last one for ever; the clock moves with each pause, and by `callMs` with each call. */
export function fakeHost(
  plays: readonly Play[],
  { skewMs, callMs = 0, random = 255 }: { skewMs?: number; callMs?: number; random?: number } = {},
): FakeHost {
  let elapsedMs = 0;
  const requests: HttpRequest[] = [];
  const pausesMs: number[] = [];
  const debugged: string[] = [];
  const warned: string[] = [];
  const http: Http = {
    async request(request) {
      const play = plays[Math.min(requests.length, plays.length - 1)];
      requests.push(request);
      elapsedMs += callMs;
      if (play === undefined || play instanceof Error) throw play ?? new Error("unexpected HTTP");
      return play;
    },
    skewMs: () => skewMs,
  };
  return {
    requests,
    pausesMs,
    debugged,
    warned,
    http,
    clock: {
      nowMs: () => NOW_MS + elapsedMs,
      monotonicMs: () => elapsedMs,
      sleep: async (durationMs) => {
        pausesMs.push(durationMs);
        elapsedMs += durationMs;
      },
    },
    crypto: {
      randomBytes: (length) => new Uint8Array(length).fill(random),
      sha256Hex: unused,
      seal: unused,
      open: unused,
    },
    log: {
      enabled: true,
      debug: (stage, message) => debugged.push(`${stage}: ${message}`),
      warn: (line) => warned.push(line),
    },
  };
}

function unused(): never {
  throw new Error("not part of an exchange");
}
