import { AssumeRoleWithSAMLCommand } from "@aws-sdk/client-sts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { rfc3339, spoken } from "../core/time.ts";
import type { RoledProfile, SamlAssertion, SessionCredentials } from "../core/types.ts";
import { samlFacts } from "./saml-facts.ts";
import { type ExchangeOptions, redeem, type StsCall } from "./sts-call.ts";

/** STS's bounds on DurationSeconds. */
const SHORTEST_SECONDS = 900;
const LONGEST_SECONDS = 43_200;

/**
 * Redeems a SAML response for the profile's role.
 *
 * @throws ASSERTION_UNUSABLE when nobody says which SAML provider the role is granted through; otherwise as {@link redeem}
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html
 */
export async function exchangeSaml(
  profile: RoledProfile,
  assertion: SamlAssertion,
  options: ExchangeOptions,
): Promise<SessionCredentials> {
  const { role } = profile;
  const { host } = options;
  const principalArn = principalOf(profile, assertion);
  const durationSeconds = askedSeconds(role.durationSeconds, assertion, options);
  host.log.debug(
    "sts",
    `issuer ${printable(assertion.issuer)}, provider ${printable(principalArn)}, ${durationSeconds === undefined ? "STS's default of 3600" : durationSeconds} s asked for`,
  );
  const call: StsCall = {
    action: "AssumeRoleWithSAML",
    facts: samlFacts(assertion, principalArn),
    durationSeconds,
    send: (client) =>
      client.send(
        new AssumeRoleWithSAMLCommand({
          RoleArn: role.arn,
          PrincipalArn: principalArn,
          SAMLAssertion: assertion.response.reveal(),
          DurationSeconds: durationSeconds,
          Policy: role.policy,
          PolicyArns: role.policyArns?.map((arn) => ({ arn })),
        }),
      ),
  };
  return redeem(call, profile, options);
}

function principalOf({ name, role }: RoledProfile, { grants, encrypted }: SamlAssertion): string {
  const granted = grants.filter(({ roleArn }) => roleArn === role.arn);
  const principalArn = role.principalArn ?? granted[0]?.principalArn;
  if (principalArn !== undefined) return principalArn;
  const account = /^arn:([\w-]+):iam::(\d{12}):/.exec(role.arn);
  throw new BrokerError(
    "ASSERTION_UNUSABLE",
    `profile "${printable(name)}": the SAML provider for "${printable(role.arn)}" is not known, because the assertion ${encrypted ? "is encrypted" : "does not grant that role"}`,
    { hint: `principal_arn = "arn:${account?.[1] ?? "aws"}:iam::${account?.[2] ?? "ACCOUNT"}:saml-provider/NAME"` },
  );
}

/** What the profile asks for, else what the assertion proposes; never past the end that the identity provider sets. */
function askedSeconds(
  configured: number | undefined,
  { sessionDurationSeconds, sessionNotOnOrAfterMs }: SamlAssertion,
  { host }: ExchangeOptions,
): number | undefined {
  const proposed = sessionDurationSeconds === undefined ? undefined : clamped(sessionDurationSeconds);
  const wanted = configured ?? proposed;
  if (sessionNotOnOrAfterMs === undefined) return wanted;
  const leftMs = sessionNotOnOrAfterMs - (host.clock.nowMs() + (host.http.skewMs() ?? 0));
  if (leftMs < SHORTEST_SECONDS * 1000) {
    host.log.warn(
      `the identity provider ends the session at ${rfc3339(sessionNotOnOrAfterMs)} (SessionNotOnOrAfter), ${leftMs > 0 ? `in ${spoken(leftMs)}` : `${spoken(leftMs)} ago`}, and AWS takes no request below ${spoken(SHORTEST_SECONDS * 1000)}`,
    );
    return SHORTEST_SECONDS;
  }
  const left = clamped(Math.floor(leftMs / 1000));
  // Without a wish STS's own default is an hour.
  return wanted === undefined && left >= 3600 ? undefined : Math.min(wanted ?? left, left);
}

function clamped(seconds: number): number {
  return Math.min(LONGEST_SECONDS, Math.max(SHORTEST_SECONDS, seconds));
}
