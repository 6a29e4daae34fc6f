import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { rfc3339, spoken } from "../core/time.ts";
import type { Profile, SamlAssertion } from "../core/types.ts";
import type { ExplainOptions } from "./explain-oidc.ts";
import { askedLength } from "./explain-role.ts";
import { trustFindings, trustUnknown } from "./explain-trust.ts";
import { attempt, clockFindings, type Explanation, type Finding, type Now, refusal, trueNowMs } from "./finding.ts";
import { chooseRole } from "./role.ts";
import { readSaml, type SamlProof, type SamlReading, toSamlAssertion } from "./saml.ts";
import { readGrants, readSessionDuration } from "./saml-attributes.ts";
import { judgeSaml, partitionOfEndpoint } from "./saml-judge.ts";
import type { SamlStatement } from "./saml-response.ts";
import { samlTrustContext } from "./trust-context.ts";

const IT = "the response";
const DEFAULT_SECONDS = 3600;

/** What a SAML response says and what AWS would make of it, however hopeless it is. @throws BrokerError CONFIG_INVALID for the metadata */
export async function explainSaml(proof: SamlProof, options: ExplainOptions): Promise<Explanation> {
  const { profile, now, trustPolicy } = options;
  const named = { ...proof, name: IT };
  let reading: SamlReading;
  try {
    reading = await readSaml(named);
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code === "CONFIG_INVALID") throw error;
    return { says: [], findings: [refusal(error.code === "IDP_REFUSED" ? "status" : "format", error)] };
  }
  const { facts, metadata, base64 } = reading;
  const { statement } = facts;
  const findings: Finding[] = [
    { point: "format", verdict: "ok", detail: `a SAML 2.0 Response of ${base64.length} characters in base64` },
    signature(reading),
    ...clockFindings(now),
    ...judgeSaml(facts, metadata, now, IT).map(({ refuse: _, ...finding }) => finding),
  ];
  const role = roleOf(profile, reading);
  findings.push(
    role.finding,
    ...(statement === undefined ? [] : partition(statement, role.arn)),
    length(profile, statement, now),
  );
  if (trustPolicy !== undefined) {
    if (statement === undefined)
      findings.push(trustUnknown("the assertion is encrypted, so its condition keys are not known"));
    else if (role.principalArn === undefined)
      findings.push(trustUnknown("no role is chosen, so there is no policy to hold it against"));
    else findings.push(...trustFindings(trustPolicy, await samlTrustContext(statement, role.principalArn)));
  }
  // What the exchange would refuse must never look fine here.
  if (!findings.some(({ verdict }) => verdict === "no")) {
    try {
      await toSamlAssertion(named, now.nowMs, now.skewMs);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      findings.push(refusal("response", error));
    }
  }
  return { says: says(reading), findings };
}

function says({ facts }: SamlReading): [string, string][] {
  const { statement, issueInstantMs, responseIssuer, destination } = facts;
  const quoted = (text: string): string => printable(text, 400);
  const lines: [string, string | undefined][] = [
    ["issuer", quoted(statement?.issuer ?? responseIssuer ?? "not stated")],
    ["issued", rfc3339(issueInstantMs)],
    ["destination", destination === undefined ? undefined : quoted(destination)],
  ];
  if (statement === undefined) lines.push(["assertion", "encrypted"]);
  else {
    const { nameId, confirmations, notBeforeMs, notOnOrAfterMs, audiences, sessionNotOnOrAfterMs, attributes } =
      statement;
    lines.push(
      [
        "subject",
        nameId === undefined
          ? "none that can be read"
          : `${quoted(nameId.value)}${nameId.format === undefined ? "" : ` (${quoted(nameId.format)})`}`,
      ],
      ...confirmations.map((one): [string, string] => [
        "confirmation",
        `${one.bearer ? "bearer" : "not bearer"}, Recipient ${quoted(one.recipient ?? "not stated")}, until ${time(one.notOnOrAfterMs)}`,
      ]),
      ["conditions", `from ${time(notBeforeMs)} until ${time(notOnOrAfterMs)}`],
      ["audience", quoted(audiences.flat().join(", ") || "not stated")],
      ["session until", sessionNotOnOrAfterMs === undefined ? undefined : rfc3339(sessionNotOnOrAfterMs)],
      ...attributes.flatMap(({ name, values }) =>
        values.map((value): [string, string] => [quoted(name), quoted(value)]),
      ),
    );
  }
  return lines.filter((line): line is [string, string] => line[1] !== undefined);
}

function time(timeMs: number | undefined): string {
  return timeMs === undefined ? "(not stated)" : rfc3339(timeMs);
}

function signature({ signature: state, metadata }: SamlReading): Finding {
  const point = "signature";
  if (state.kind === "refused") return refusal(point, state.error);
  if (state.kind === "valid") {
    const keys = metadata?.certificates.length ?? 0;
    const by = keys === 1 ? "the key" : `one of the ${keys} keys`;
    return {
      point,
      verdict: "ok",
      detail: `the ${state.part.is} is signed with ${state.part.algorithm} by ${by} in the metadata`,
    };
  }
  const detail =
    state.kind === "out-of-sight"
      ? "the Response is not signed, and the signature of the assertion is encrypted with it"
      : "not checked, since no metadata is configured: AWS checks it against the metadata of the SAML provider";
  return { point, verdict: "unknown", detail };
}

interface ChosenRole {
  readonly finding: Finding;
  readonly arn?: string | undefined;
  readonly principalArn?: string | undefined;
}

function roleOf(profile: Profile, { facts, base64: _ }: SamlReading): ChosenRole {
  const { statement } = facts;
  const { grants } = readGrants(statement?.attributes ?? []);
  if (statement !== undefined && grants.length === 0)
    return { finding: { point: "role", verdict: "unknown", detail: "there is none to choose from" } };
  const assertion: Pick<SamlAssertion, "grants" | "subject" | "encrypted"> = {
    grants,
    subject: statement?.nameId?.value ?? "",
    encrypted: statement === undefined,
  };
  let arn: string | undefined;
  let principalArn: string | undefined;
  const finding = attempt("role", () => {
    ({ arn, principalArn } = chooseRole(profile, { kind: "saml", ...assertion } as SamlAssertion).role);
    return `${printable(arn)} through ${printable(principalArn)}`;
  });
  return { finding, arn, principalArn };
}

/** A role of GovCloud takes GovCloud's sign-in endpoint. */
function partition({ confirmations }: SamlStatement, arn: string | undefined): Finding[] {
  const recipient = confirmations[0]?.recipient;
  const its = recipient === undefined ? undefined : partitionOfEndpoint(recipient);
  const wanted = arn?.split(":")[1];
  if (its === undefined || wanted === undefined || its === wanted) return [];
  return [
    {
      point: "partition",
      verdict: "no",
      detail: `the role is in ${printable(wanted, 40)}, and the Recipient ${printable(recipient, 120)} in ${its}`,
      hint: "register the AWS application of the role's own partition at the identity provider",
    },
  ];
}

/** min(what is asked, SessionNotOnOrAfter); the attribute SessionDuration is what we ask where the profile states nothing. */
function length({ role }: Profile, statement: SamlStatement | undefined, now: Now): Finding {
  const point = "length";
  const proposed = attempt("", () => String(readSessionDuration(statement?.attributes ?? [], IT) ?? ""));
  const stated =
    role.durationSeconds ?? (proposed.verdict === "ok" && proposed.detail !== "" ? Number(proposed.detail) : undefined);
  const asked =
    role.durationSeconds !== undefined
      ? `${role.durationSeconds} s are asked for`
      : stated !== undefined
        ? `${stated} s are asked for, the SessionDuration of the assertion`
        : `${askedLength(undefined)}, is asked for`;
  const endMs = statement?.sessionNotOnOrAfterMs;
  if (endMs === undefined)
    return { point, verdict: "unknown", detail: `${asked}; the role's MaxSessionDuration bounds it` };
  const leftMs = endMs - trueNowMs(now);
  const end = `SessionNotOnOrAfter is ${rfc3339(endMs)}`;
  if (leftMs <= 0)
    return {
      point,
      verdict: "no",
      detail: `the session at the identity provider ended ${spoken(leftMs)} ago: ${end}`,
      hint: "authenticate anew, or have the identity provider let sessions last longer",
    };
  const seconds = Math.min(stated ?? DEFAULT_SECONDS, Math.floor(leftMs / 1000));
  return {
    point,
    verdict: "unknown",
    detail: `${asked}, ${end}: ${seconds} s; the role's MaxSessionDuration bounds it`,
  };
}
