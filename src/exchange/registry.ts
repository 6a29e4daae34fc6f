import type { Assertion, RoledProfile, SessionCredentials } from "../core/types.ts";
import type { ExchangeOptions } from "./sts-call.ts";

export type { ExchangeOptions };

export type Exchange<Kind extends Assertion["kind"]> = (
  profile: RoledProfile,
  assertion: Extract<Assertion, { kind: Kind }>,
  options: ExchangeOptions,
) => Promise<SessionCredentials>;

/** One line a kind of assertion. Loading one loads the AWS SDK: only the cold path does. */
const EXCHANGES: { readonly [Kind in Assertion["kind"]]: () => Promise<Exchange<Kind>> } = {
  saml: async () => (await import("./saml.ts")).exchangeSaml,
  oidc: async () => (await import("./web-identity.ts")).exchangeWebIdentity,
};

/** What redeems an assertion of this kind. */
export function loadExchange<Kind extends Assertion["kind"]>(kind: Kind): Promise<Exchange<Kind>> {
  return EXCHANGES[kind]();
}
