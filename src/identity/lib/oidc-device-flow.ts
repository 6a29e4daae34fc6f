import { BrokerError } from "../../core/errors.ts";
import { isLoopbackUrl } from "../../core/loopback.ts";
import { printable } from "../../core/printable.ts";
import { Secret } from "../../core/secret.ts";
import type { DeviceCode } from "../presenter.ts";
import type { AcquireContext } from "../source.ts";
import { loginRequired } from "./login-required.ts";
import { oauthFailure } from "./oauth-failure.ts";
import type { LoginProvider } from "./oidc-login.ts";
import { chosenToken, type Tokens } from "./oidc-tokens.ts";

const GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** @see RFC 8628 §3.5 */
const INTERVAL_SECONDS = 5;
const SLOWER_SECONDS = 5;
/** What a provider may ask for at least, whatever it says: nobody types faster. */
const SHORTEST_INTERVAL_SECONDS = 1;
/** What a provider may ask for at most: the person has pressed the button long before. */
const LONGEST_INTERVAL_SECONDS = 60;
/** A code that may be typed for longer is no code for one login. */
const LONGEST_CODE_SECONDS = 30 * 60;

/** Whether the provider says that it knows the device grant. */
export function offersDeviceFlow({ provider }: LoginProvider): boolean {
  return provider.configuration.serverMetadata().device_authorization_endpoint !== undefined;
}

/**
 * Shows a code, and waits until the person has typed it at the provider on whatever device they like.
 *
 * @throws BrokerError LOGIN_REQUIRED when the code ended, IDP_REFUSED for a denial, IDP_INVALID_ANSWER
 * @see RFC 8628
 */
export async function deviceFlow({ provider, settings }: LoginProvider, context: AcquireContext): Promise<Tokens> {
  const { client, configuration, at } = provider;
  const { host, signal, presenter } = context;
  const issuer = printable(settings.issuer, 200);
  if (presenter === undefined) throw loginRequired(context, `a person has to log in at ${issuer}`);
  const parameters = [
    ...settings.parameters,
    ...settings.resources.map((resource) => ["resource", resource] as const),
  ].map(([name, value]): [string, string] => [name, value]);
  const answered = await client
    .initiateDeviceAuthorization(configuration, new URLSearchParams(parameters))
    .catch((error: unknown) => {
      throw oauthFailure(error, at());
    });
  const begun = { ...answered, expires_in: Math.min(answered.expires_in, LONGEST_CODE_SECONDS) };
  const endMs = host.clock.monotonicMs() + begun.expires_in * 1000;
  presenter.showCode(deviceCode(begun, issuer, host.clock.nowMs()));

  const grantParameters = new URLSearchParams([
    ["device_code", begun.device_code],
    ...settings.resources.map((resource): [string, string] => ["resource", resource]),
  ]);
  let intervalSeconds = boundedInterval(begun.interval);
  for (;;) {
    await host.clock.sleep(intervalSeconds * 1000, signal);
    if (signal.aborted) throw new BrokerError("TIMEOUT", `nobody typed the code at ${issuer} in time`);
    if (host.clock.monotonicMs() >= endMs) throw codeEnded(issuer, context);
    try {
      const answer = await client.genericGrantRequest(configuration, GRANT, grantParameters);
      presenter.progress("the code was typed");
      return chosenToken(answer, settings);
    } catch (error) {
      const failure = oauthFailure(error, at(new Secret(begun.device_code)));
      const { error: code } = error as { error?: unknown };
      if (code === "slow_down") intervalSeconds = boundedInterval(intervalSeconds + SLOWER_SECONDS);
      else if (code === "expired_token") throw codeEnded(issuer, context);
      else if (failure.code === "UNREACHABLE" || failure.code === "TIMEOUT" || failure.code === "THROTTLED") {
        // RFC 8628 §3.5: a connection timeout is answered by asking less often, and a person is in the middle of it.
        intervalSeconds = boundedInterval(intervalSeconds * 2);
        host.log.debug("idp", `${failure.message}: asked again in ${intervalSeconds} s`);
      } else if (code !== "authorization_pending") throw failure;
    }
  }
}

function boundedInterval(seconds = INTERVAL_SECONDS): number {
  return Math.max(SHORTEST_INTERVAL_SECONDS, Math.min(LONGEST_INTERVAL_SECONDS, seconds));
}

interface Begun {
  readonly user_code: string;
  readonly verification_uri: string;
  readonly verification_uri_complete?: string;
  readonly expires_in: number;
}

function deviceCode(begun: Begun, issuer: string, nowMs: number): DeviceCode {
  const { user_code: userCode, verification_uri: plain, verification_uri_complete: complete } = begun;
  return {
    userCode,
    verificationUrl: shownAddress(plain, issuer),
    ...(complete === undefined ? {} : { completeUrl: shownAddress(complete, issuer) }),
    expiresAtMs: nowMs + begun.expires_in * 1000,
  };
}

/** A person will open it: nothing but https leaves here, and what it says is what URL made of it. */
function shownAddress(text: string, issuer: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopbackUrl(url));
  if (url !== undefined && isSafe && url.username === "" && url.password === "") return url.href;
  throw new BrokerError(
    "IDP_INVALID_ANSWER",
    `${issuer} wants the code typed at "${printable(text, 120)}", which is not an https address`,
    { hint: "ask who runs the provider: the verification address has to be https" },
  );
}

function codeEnded(issuer: string, context: AcquireContext): BrokerError {
  return loginRequired(context, `the code of ${issuer} ended before anybody had typed it`);
}
