import { AssumeRoleWithWebIdentityCommand } from "@aws-sdk/client-sts";
import type { OidcAssertion, RoledProfile, SessionCredentials } from "../core/types.ts";
import { type ExchangeOptions, redeem, type StsCall } from "./sts-call.ts";
import { tokenFacts } from "./token-facts.ts";

/**
 * Redeems a token for the profile's role.
 *
 * @throws as {@link redeem}
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export function exchangeWebIdentity(
  profile: RoledProfile,
  assertion: OidcAssertion,
  options: ExchangeOptions,
): Promise<SessionCredentials> {
  const { role } = profile;
  const call: StsCall = {
    action: "AssumeRoleWithWebIdentity",
    facts: tokenFacts(assertion),
    durationSeconds: role.durationSeconds,
    send: (client) =>
      client.send(
        new AssumeRoleWithWebIdentityCommand({
          RoleArn: role.arn,
          RoleSessionName: role.sessionName,
          WebIdentityToken: assertion.token.reveal(),
          DurationSeconds: role.durationSeconds,
          Policy: role.policy,
          PolicyArns: role.policyArns?.map((arn) => ({ arn })),
          ProviderId: role.providerId,
        }),
      ),
  };
  return redeem(call, profile, options);
}
