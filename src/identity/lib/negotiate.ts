/**
 * HTTP Negotiate: a request to an identity provider, and when it asks for it, a Kerberos ticket. A ticket goes to configured hosts
 * alone and only over TLS; NTLM is refused; nothing is delegated.
 * @see RFC 4559, RFC 4178
 */
import { BrokerError } from "../../core/errors.ts";
import { KerberosFailure } from "../../core/kerberos-failure.ts";
import { printable } from "../../core/printable.ts";
import type { HttpRequest, HttpResponse, KerberosCredentials, NegotiateContext } from "../../host/host.ts";
import type { AcquireContext } from "../source.ts";
import { clockError, type KerberosContext, kerberosError } from "./kerberos-error.ts";
import type { KerberosSettings } from "./kerberos-settings.ts";
import { absolutePath } from "./path.ts";
import { checkSecret } from "./secret-source.ts";
import { type Challenge, challenges } from "./www-authenticate.ts";

/** Kerberos needs one token, or two; what goes on for longer is no conversation. */
const MAX_STEPS = 5;

export type NegotiateOutcome =
  /** Nobody asked for a ticket, and none was sent. */
  | "not-asked"
  /** A ticket was sent, and the answer is what came of it. */
  | "accepted"
  /** A ticket was sent, and the answer is a page with a password field all the same: single sign-on did not work. */
  | "password-form";

export interface NegotiatedResponse extends HttpResponse {
  readonly negotiate: NegotiateOutcome;
  /** True when the server has proved itself by Kerberos too. */
  readonly mutual: boolean;
}

export interface NegotiateOptions {
  /** Sends the ticket unasked, for providers that answer 200 and a login page without it. Default false. */
  readonly preemptive?: boolean;
}

/**
 * Sends a request and answers Negotiate when it is asked for. Redirects are answers.
 *
 * @throws BrokerError CONFIG_INVALID for a host that may not be given a ticket, IDP_REFUSED for what the server or the KDC refuses,
 * LOGIN_REQUIRED without a ticket, ADDON_MISSING, UNREACHABLE, TIMEOUT
 */
export async function negotiatedRequest(
  request: HttpRequest,
  settings: KerberosSettings,
  context: AcquireContext,
  { preemptive = false }: NegotiateOptions = {},
): Promise<NegotiatedResponse> {
  const { host, signal } = context;
  const url = new URL(request.url);
  const trusted = mayHaveTicket(url, settings);
  const send = (token: string | undefined): Promise<HttpResponse> =>
    host.http.request({
      ...request,
      signal: request.signal ?? signal,
      headers: { ...request.headers, ...(token === undefined ? {} : { authorization: `Negotiate ${token}` }) },
    });

  if (!(preemptive && trusted)) {
    const plain = await send(undefined);
    const asked = judgeChallenge(plain, url);
    if (asked === undefined) return { ...plain, negotiate: "not-asked", mutual: false };
    if (!trusted) throw notTrusted(url);
  }

  const spn = servicePrincipal(url, settings);
  const credentials = usableCredentials(settings.credentials, context);
  const at = (): KerberosContext => ({ host: url.hostname, spn, credentials, skewMs: host.http.skewMs() });
  try {
    return await converse(await host.kerberos.open(spn, credentials, { signal }));
  } catch (error) {
    throw error instanceof KerberosFailure ? kerberosError(error, at()) : error;
  }

  async function converse(negotiation: NegotiateContext): Promise<NegotiatedResponse> {
    let challenge: string | undefined;
    for (let step = 1; step <= MAX_STEPS; step++) {
      const token = await negotiation.step(challenge);
      refuseNtlm(token, url);
      if (token === "") throw refusedAgain(at());
      const answer = await send(token);
      challenge = negotiateChallenge(answer, url)?.token;
      if (answer.status === 401 && challenge !== undefined) continue;
      if (answer.status === 401) throw refusedAgain(at());
      return await concluded(negotiation, answer, challenge);
    }
    throw new BrokerError("IDP_REFUSED", `${url.hostname} wants more than ${MAX_STEPS} Negotiate tokens`, {
      hint: "Kerberos needs two at most: check what stands in front of the server",
    });
  }

  async function concluded(
    negotiation: NegotiateContext,
    answer: HttpResponse,
    challenge: string | undefined,
  ): Promise<NegotiatedResponse> {
    // A server that answers has to answer right; one that never does is let be, unless it must.
    if (challenge !== undefined) await negotiation.step(challenge);
    const { mutual } = negotiation;
    if ((challenge !== undefined || settings.requireMutualAuthentication) && !mutual) throw notProved(url);
    if (answer.status === 403) throw forbidden(at());
    const form = answer.status === 200 && hasPasswordField(answer);
    host.log.debug(
      "negotiate",
      `${spn}: ${form ? "a password form all the same" : `HTTP ${answer.status}`}, ${mutual ? "the server has proved itself" : "the server has not proved itself"}`,
    );
    return { ...answer, negotiate: form ? "password-form" : "accepted", mutual };
  }
}

/** Lets the Kerberos library load while the first requests are under way: for a source that will need it. */
export function prepareNegotiate({ credentials }: KerberosSettings, { host }: AcquireContext): void {
  const { keytab } = credentials;
  host.kerberos.prepare?.(keytab === undefined ? credentials : { ...credentials, keytab: absolutePath(keytab, host) });
}

/** Only https, and only hosts that were configured; their ports do not matter to Kerberos, which knows hosts. */
function mayHaveTicket({ protocol, hostname }: URL, settings: KerberosSettings): boolean {
  if (protocol !== "https:") return false;
  return settings.configuredHosts.includes(hostname) || settings.furtherHosts.includes(hostname);
}

/** The configured host may go by another name in the directory; all others are what they are called. */
function servicePrincipal({ hostname }: URL, { spn, configuredHosts }: KerberosSettings): string {
  return spn !== undefined && configuredHosts.includes(hostname) ? spn : `HTTP@${hostname}`;
}

function usableCredentials(credentials: KerberosCredentials, { host }: AcquireContext): KerberosCredentials {
  if (credentials.keytab === undefined) return credentials;
  const keytab = absolutePath(credentials.keytab, host);
  checkSecret({ place: "file", path: keytab }, "keytab", host);
  return { ...credentials, keytab };
}

/** Undefined: the answer is not a 401. @throws IDP_REFUSED for a 401 that Kerberos cannot answer */
function judgeChallenge(answer: HttpResponse, url: URL): Challenge | undefined {
  if (answer.status !== 401) return undefined;
  const asked = negotiateChallenge(answer, url);
  if (asked !== undefined) return asked;
  const offered = [
    ...new Set(challenges(answer.headers["www-authenticate"]).map(({ scheme }) => printable(scheme, 40))),
  ];
  if (offered.some((scheme) => scheme.toLowerCase() === "ntlm")) throw ntlm(url);
  throw new BrokerError(
    "IDP_REFUSED",
    `${url.hostname} does not offer Kerberos at ${printable(url.pathname, 120)}: it asks for ${offered.length === 0 ? "nothing it names" : offered.join(", ")} (HTTP 401)`,
    { hint: "check the address: single sign-on often has one of its own; AD FS goes by the User-Agent too" },
  );
}

/** The Negotiate challenge of an answer, with its token where there are several. @throws IDP_REFUSED for NTLM inside it */
function negotiateChallenge({ headers }: HttpResponse, url: URL): Challenge | undefined {
  const ours = challenges(headers["www-authenticate"]).filter(({ scheme }) => scheme.toLowerCase() === "negotiate");
  const chosen = ours.find(({ token }) => token !== undefined) ?? ours[0];
  refuseNtlm(chosen?.token ?? "", url);
  return chosen;
}

/** NTLM travels as Negotiate too, bare or inside SPNEGO, whichever side starts with it. @see [MS-NLMP] §2.2.1 */
function refuseNtlm(token: string, url: URL): void {
  if (token !== "" && Buffer.from(token, "base64").includes("NTLMSSP\0", 0, "latin1")) throw ntlm(url);
}

function ntlm({ hostname }: URL): BrokerError {
  return new BrokerError("IDP_REFUSED", `${hostname} offers NTLM instead of Kerberos, and NTLM is refused`, {
    hint: `it falls back to NTLM where it has no service principal: setspn -Q HTTP/${hostname}`,
  });
}

function notTrusted({ hostname, protocol, origin }: URL): BrokerError {
  if (protocol !== "https:") {
    const line = `${printable(origin, 200)} asks for Kerberos over plain http, where a ticket could be stolen`;
    return new BrokerError("CONFIG_INVALID", line, { hint: `use https://${printable(hostname, 200)}` });
  }
  const line = `${printable(hostname, 200)} asks for a Kerberos ticket, and this identity is not configured to give it one`;
  return new BrokerError("CONFIG_INVALID", line, {
    hint: `kerberos_hosts = ["${printable(hostname, 200)}"], if that host belongs to the identity provider`,
  });
}

function notProved({ hostname }: URL): BrokerError {
  return new BrokerError("IDP_REFUSED", `${hostname} did not prove itself by Kerberos (no AP-REP)`, {
    hint: "some servers never do: require_mutual_authentication = false leaves that proof to TLS",
  });
}

function refusedAgain(at: KerberosContext): BrokerError {
  return (
    clockError(at) ??
    new BrokerError(
      "IDP_REFUSED",
      `${at.host} got a Kerberos ticket for ${at.spn.replace("@", "/")} and refuses it (HTTP 401)`,
      {
        hint: "likely causes: the server requires channel binding (Extended Protection), which cannot be given; its keytab is outdated; or the service principal belongs to another account",
      },
    )
  );
}

function forbidden({ host, credentials }: KerberosContext): BrokerError {
  const principal =
    credentials.principal === undefined ? "the ticket's principal" : printable(credentials.principal, 200);
  return new BrokerError("IDP_REFUSED", `${host} knows ${principal} by its ticket and denies it access (HTTP 403)`, {
    hint: "ask who runs the identity provider to allow this account",
  });
}

/** Only told apart, not read: whether the page that came is a login form. */
function hasPasswordField({ headers, body }: HttpResponse): boolean {
  if (!/html/i.test(headers["content-type"] ?? "")) return false;
  const text = new TextDecoder("latin1").decode(body);
  // Not [^>]: of many tags that never end, each would be read to the end of the page.
  return /<input\b[^<>]*\btype\s*=\s*["']?password\b/i.test(text);
}
