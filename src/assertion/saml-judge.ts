/** What a SAML response says, held against AWS's rules. One list serves both: the refusal before STS is called, and `explain`. */
import { printable } from "../core/printable.ts";
import { rfc3339, spoken } from "../core/time.ts";
import { attempt, clockSays, type Finding, LEEWAY_MS, type Now, trueNowMs } from "./finding.ts";
import { AWS_ATTRIBUTES, readGrants, readSessionDuration, readSessionName } from "./saml-attributes.ts";
import type { IdpMetadata } from "./saml-metadata.ts";
import { earliest, type SamlFacts, type SamlStatement } from "./saml-response.ts";

/** "Redeemed within five minutes of issuance." @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html */
const REDEEM_WITHIN_MS = 300_000;

/** AWS's assertion consumer services, in each partition; /acs/… is the one of an encrypting provider. */
const SIGN_IN =
  /^https:\/\/(?:[a-z0-9-]{1,40}\.)?signin\.(?:(aws\.amazon\.com)|(amazonaws\.cn)|(amazonaws-us-gov\.com))\/(?:static\/)?saml(?:\/acs\/[\w-]{1,128})?$/;
const AUDIENCE = /^urn:amazon:webservices(?::[a-z0-9-]{1,40})?$/;

export interface SamlFinding extends Finding {
  /** When a "no" is reason enough not to call STS: always, with metadata configured, or never (AWS judges). */
  readonly refuse: "always" | "with-metadata" | "never";
}

/** The partition whose sign-in endpoint this is. */
export function partitionOfEndpoint(recipient: string): "aws" | "aws-cn" | "aws-us-gov" | undefined {
  const match = SIGN_IN.exec(recipient);
  if (match === null) return undefined;
  return match[2] !== undefined ? "aws-cn" : match[3] !== undefined ? "aws-us-gov" : "aws";
}

export function expiresAtMs({ issueInstantMs, statement }: SamlFacts): number {
  const ends = [
    ...(statement?.confirmations ?? []).map(({ notOnOrAfterMs }) => notOnOrAfterMs),
    statement?.notOnOrAfterMs,
  ];
  return earliest([issueInstantMs + REDEEM_WITHIN_MS, ...ends]) ?? 0;
}

/** @param what names the response in errors */
export function judgeSaml(facts: SamlFacts, metadata: IdpMetadata | undefined, now: Now, what: string): SamlFinding[] {
  const { statement } = facts;
  const times = [notYet(facts, now, what), expired(facts, now, what)];
  const issuer = issuerFinding(facts, metadata, what);
  if (statement === undefined) {
    const point = "assertion";
    const detail = "it is encrypted, and AWS alone can read who it is for, its audience and its roles";
    return [{ point, verdict: "unknown", detail, refuse: "never" }, ...times, issuer];
  }
  return [
    ...times,
    issuer,
    subject(statement, what),
    recipient(statement, what),
    audience(statement, what),
    roles(statement, what),
    sessionName(statement, what),
    sessionDuration(statement, what),
  ];
}

function notYet({ issueInstantMs, statement }: SamlFacts, now: Now, what: string): SamlFinding {
  const starts = [
    ["IssueInstant", issueInstantMs],
    ["NotBefore", statement?.notBeforeMs],
    ...(statement?.confirmations ?? []).map(({ notBeforeMs }) => ["NotBefore", notBeforeMs] as const),
  ] as const;
  for (const [name, atMs] of starts) {
    if (atMs === undefined || atMs <= trueNowMs(now) + LEEWAY_MS) continue;
    return {
      point: "start",
      verdict: "no",
      detail: `${what} is not valid yet: its ${name} is ${spoken(atMs - trueNowMs(now))} ahead, at ${rfc3339(atMs)}; ${clockSays(now)}`,
      hint: "check the clocks of this machine and of the identity provider: date -u",
      refuse: "always",
    };
  }
  return { point: "start", verdict: "ok", detail: `issued at ${rfc3339(issueInstantMs)}`, refuse: "always" };
}

function expired(facts: SamlFacts, now: Now, what: string): SamlFinding {
  const endMs = expiresAtMs(facts);
  const leftMs = endMs - trueNowMs(now);
  const point = "end";
  if (leftMs > 0)
    return {
      point,
      verdict: "ok",
      detail: `to be redeemed within ${spoken(leftMs)}, by ${rfc3339(endMs)}`,
      refuse: "always",
    };
  const why =
    endMs === facts.issueInstantMs + REDEEM_WITHIN_MS ? ", since AWS takes it for five minutes after its issue" : "";
  return {
    point,
    verdict: "no",
    detail: `${what} expired ${spoken(leftMs)} ago, at ${rfc3339(endMs)}${why}; ${clockSays(now)}`,
    hint: "have a new one issued, and check the clock: date -u",
    refuse: "always",
  };
}

function issuerFinding(
  { responseIssuer, statement }: SamlFacts,
  metadata: IdpMetadata | undefined,
  what: string,
): SamlFinding {
  const said = [statement?.issuer, responseIssuer].filter((issuer) => issuer !== undefined);
  const [issuer = ""] = said;
  const point = "issuer";
  if (metadata === undefined) {
    const detail = `"${printable(issuer)}"; it has to be the entityID in the metadata of the SAML provider at AWS`;
    return { point, verdict: "unknown", detail, refuse: "never" };
  }
  const other = said.find((one) => one !== metadata.entityId);
  if (other === undefined)
    return {
      point,
      verdict: "ok",
      detail: `"${printable(metadata.entityId)}", as in the metadata`,
      refuse: "with-metadata",
    };
  return {
    point,
    verdict: "no",
    detail: `${what} is by "${printable(other)}", and the metadata is of "${printable(metadata.entityId)}"`,
    hint: "configure the metadata of the identity provider that answers",
    refuse: "with-metadata",
  };
}

function subject({ nameId, nameIdEncrypted }: SamlStatement, what: string): SamlFinding {
  const point = "subject";
  if (nameIdEncrypted)
    return { point, verdict: "unknown", detail: "the NameID is encrypted, and AWS alone can read it", refuse: "never" };
  if (nameId !== undefined && nameId.value !== "") {
    const format = nameId.format === undefined ? "" : ` (${printable(nameId.format.replace(/^.*:/, ""), 80)})`;
    return { point, verdict: "ok", detail: `"${printable(nameId.value)}"${format}`, refuse: "always" };
  }
  return {
    point,
    verdict: "no",
    detail: `${what} has no NameID, and AWS refuses it with AccessDenied`,
    hint: "have the identity provider send a NameID (persistent or transient) to the application AWS",
    refuse: "always",
  };
}

function recipient({ confirmations }: SamlStatement, what: string): SamlFinding {
  const point = "recipient";
  const no = (detail: string, hint: string): SamlFinding => ({
    point,
    verdict: "no",
    detail: `${what} ${detail}`,
    hint,
    refuse: "with-metadata",
  });
  const acs = "set the assertion consumer service of the application AWS to https://signin.aws.amazon.com/saml";
  const [only, ...others] = confirmations;
  if (only === undefined) return no("has no SubjectConfirmation, and AWS wants exactly one", acs);
  if (others.length > 0) return no(`has ${confirmations.length} SubjectConfirmations, and AWS wants exactly one`, acs);
  if (!only.bearer) return no("has no SubjectConfirmation of the method bearer", acs);
  if (only.recipient === undefined)
    return no(
      "names no Recipient in its SubjectConfirmationData, and AWS needs it",
      `${acs}; AD FS names none over WS-Trust: use saml-kerberos or saml-password there`,
    );
  if (partitionOfEndpoint(only.recipient) === undefined)
    return no(`is for the Recipient "${printable(only.recipient, 200)}", which is not AWS's sign-in endpoint`, acs);
  if (only.notOnOrAfterMs === undefined)
    return no("has no NotOnOrAfter in its SubjectConfirmationData, and AWS needs it", acs);
  return { point, verdict: "ok", detail: printable(only.recipient, 200), refuse: "with-metadata" };
}

function audience({ audiences }: SamlStatement, what: string): SamlFinding {
  const point = "audience";
  const fits = (one: string): boolean => AUDIENCE.test(one) || partitionOfEndpoint(one) !== undefined;
  const shown = printable(
    audiences
      .flat()
      .map((one) => `"${one}"`)
      .join(", ") || "nobody",
    300,
  );
  if (audiences.length > 0 && audiences.every((restriction) => restriction.some(fits)))
    return { point, verdict: "ok", detail: shown, refuse: "with-metadata" };
  return {
    point,
    verdict: "no",
    detail: `${what} has the audience ${shown}, and AWS wants urn:amazon:webservices or its sign-in endpoint`,
    hint: "set the entity id (audience) of the application AWS at the identity provider to urn:amazon:webservices",
    refuse: "with-metadata",
  };
}

function roles({ attributes, nameId }: SamlStatement, what: string): SamlFinding {
  const point = "roles";
  const { grants, unreadable, nearMiss } = readGrants(attributes);
  const [bad] = unreadable;
  if (grants.length > 0) {
    const left = bad === undefined ? "" : `, and ${unreadable.length} that cannot be read, as "${bad}"`;
    return { point, verdict: "ok", detail: `${grants.length}${left}`, refuse: "always" };
  }
  const no = (detail: string, hint: string): SamlFinding => ({ point, verdict: "no", detail, hint, refuse: "always" });
  if (bad !== undefined)
    return no(
      `${what} has "${bad}" in its attribute Role, which is not the ARNs of a role and of a SAML provider`,
      "arn:aws:iam::123456789012:role/NAME,arn:aws:iam::123456789012:saml-provider/NAME is how the identity provider has to write it",
    );
  if (nearMiss !== undefined)
    return no(
      `${what} has the attribute ${nearMiss}, and AWS looks for ${AWS_ATTRIBUTES}Role: upper and lower case count`,
      `name the attribute ${AWS_ATTRIBUTES}Role at the identity provider`,
    );
  const who = nameId === undefined ? "the user" : `"${printable(nameId.value, 120)}"`;
  return no(
    `${who} has no AWS roles at the identity provider: ${what} has no attribute ${AWS_ATTRIBUTES}Role`,
    "grant the user a role, or put it into the group that has one, at the identity provider",
  );
}

function sessionName({ attributes }: SamlStatement, what: string): SamlFinding {
  const finding = attempt("session name", () => readSessionName(attributes, what) ?? "");
  if (finding.verdict !== "ok" || finding.detail !== "") return { ...finding, refuse: "never" };
  return {
    point: finding.point,
    verdict: "no",
    detail: `${what} has no attribute ${AWS_ATTRIBUTES}RoleSessionName, and AWS needs it`,
    hint: "have the identity provider send the mail address, or the account's name without $ and domain, as RoleSessionName",
    refuse: "never",
  };
}

function sessionDuration({ attributes }: SamlStatement, what: string): SamlFinding {
  const finding = attempt("SessionDuration", () => {
    const seconds = readSessionDuration(attributes, what);
    return seconds === undefined ? "not stated" : `${seconds} s`;
  });
  return { ...finding, refuse: "never" };
}
