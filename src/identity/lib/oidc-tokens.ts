import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { Secret } from "../../core/secret.ts";

/** What a token endpoint answered, as far as it is used. */
export interface Tokens {
  readonly token: Secret;
  readonly refreshToken: Secret | undefined;
}

interface Wanted {
  readonly issuer: string;
  readonly assertion: "id_token" | "access_token";
}

/** The token that AWS gets. @throws BrokerError ASSERTION_UNUSABLE when there is no such token */
export function chosenToken(
  answer: { readonly access_token: string; readonly id_token?: string; readonly refresh_token?: string },
  { issuer, assertion }: Wanted,
): Tokens {
  const token = assertion === "access_token" ? answer.access_token : answer.id_token;
  if (token === undefined) {
    throw new BrokerError("ASSERTION_UNUSABLE", `${printable(issuer, 200)} issued no id_token`, {
      hint: 'scope = "openid"',
    });
  }
  const refreshToken = answer.refresh_token === undefined ? undefined : new Secret(answer.refresh_token);
  return { token: new Secret(token), refreshToken };
}

/** As errors call it. */
export function tokenName({ issuer, assertion }: Wanted): string {
  return `the ${assertion === "id_token" ? "id_token" : "access token"} of ${printable(issuer, 200)}`;
}
