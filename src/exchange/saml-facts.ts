import { printable } from "../core/printable.ts";
import type { RoleGrant, SamlAssertion } from "../core/types.ts";

/** What a SAML response says, as far as it explains a refusal. Every text is fit for a terminal; the response itself is not in here. */
export interface SamlFacts {
  readonly kind: "saml";
  readonly issuer: string;
  /** NameID; empty where it is missing or encrypted. */
  readonly subject: string;
  /** The SAML provider that was asked for. */
  readonly principalArn: string;
  readonly grants: readonly RoleGrant[];
  /** Attribute RoleSessionName. */
  readonly sessionName?: string;
  readonly sessionDurationSeconds?: number;
  /** Undefined where it says none, or cannot be read. */
  readonly recipient?: string;
  readonly audience?: string;
  readonly issuedAtMs?: number;
  readonly expiresAtMs: number;
  /** True when it carries session tags, which need sts:TagSession in the trust policy. */
  readonly tagged: boolean;
  /** True when it carries a source identity, which needs sts:SetSourceIdentity. */
  readonly sourceIdentity: boolean;
  readonly encrypted: boolean;
}

/** Below STS's own bound; beyond it nothing is looked for. */
const MAX_LENGTH = 100_000;

/** Never throws and proves nothing: it serves error messages only, so whatever cannot be found is left out. */
export function samlFacts(assertion: SamlAssertion, principalArn: string): SamlFacts {
  const response = assertion.response.reveal();
  const xml = response.length > MAX_LENGTH ? "" : Buffer.from(response, "base64").toString("utf8");
  const first = (pattern: RegExp): string | undefined => {
    const found = pattern.exec(xml)?.[1];
    return found === undefined ? undefined : printable(plain(found), 200);
  };
  const recipient = first(
    /<(?:[\w.-]+:)?SubjectConfirmationData\s[^>]{0,2000}?\bRecipient\s*=\s*["']([^"'<>]{0,500})["']/,
  );
  const audience = first(/<(?:[\w.-]+:)?Audience(?:\s[^<>]{0,500})?>([^<]{0,500})</);
  const issuedAtMs = Date.parse(
    first(/<(?:[\w.-]+:)?Assertion\s[^>]{0,4000}?\bIssueInstant\s*=\s*["']([^"'<>]{0,60})["']/) ?? "",
  );
  return {
    kind: "saml",
    issuer: printable(assertion.issuer),
    subject: printable(assertion.subject),
    principalArn: printable(principalArn),
    grants: assertion.grants.map((grant) => ({
      roleArn: printable(grant.roleArn),
      principalArn: printable(grant.principalArn),
    })),
    ...(assertion.sessionName === undefined ? {} : { sessionName: printable(assertion.sessionName, 100) }),
    ...(assertion.sessionDurationSeconds === undefined
      ? {}
      : { sessionDurationSeconds: assertion.sessionDurationSeconds }),
    ...(recipient === undefined ? {} : { recipient }),
    ...(audience === undefined ? {} : { audience }),
    ...(Number.isNaN(issuedAtMs) ? {} : { issuedAtMs }),
    expiresAtMs: assertion.expiresAtMs,
    tagged: xml.includes("https://aws.amazon.com/SAML/Attributes/PrincipalTag:"),
    sourceIdentity: xml.includes("https://aws.amazon.com/SAML/Attributes/SourceIdentity"),
    encrypted: assertion.encrypted,
  };
}

function plain(text: string): string {
  const named: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => named[name] ?? "").trim();
}
