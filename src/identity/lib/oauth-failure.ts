import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import type { Secret } from "../../core/secret.ts";
import { spoken } from "../../core/time.ts";
import { withoutSecrets } from "./without-secrets.ts";

/** What is needed to say who refused what. */
export interface OauthContext {
  readonly issuer: string;
  readonly clientId: string;
  readonly method: string;
  /** As in "the authorization code grant", default "client credentials". */
  readonly grant?: string;
  /** How far the IdP's clock is ahead of ours. */
  readonly skewMs: number | undefined;
  readonly scope: string | undefined;
  readonly target: string | undefined;
  /** What was sent and must not be quoted back. */
  readonly secrets: readonly (Secret | undefined)[];
}

interface Shape {
  readonly code?: string;
  readonly status?: number;
  readonly error?: string;
  readonly error_description?: string;
  readonly cause?: unknown;
}

/** openid-client's errors, and ours that passed through it, as one line each. @see RFC 6749 §5.2 */
export function oauthFailure(error: unknown, at: OauthContext): BrokerError {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof BrokerError) return cause;
  const { code, status, error: oauth, error_description: description } = error as Shape;
  if (typeof oauth === "string") return refusal(oauth, description, status, at);
  const challenge = challengeError(error as Shape);
  if (challenge !== undefined) return refusal(challenge.error, challenge.description, status ?? 401, at);

  const answer = (error as Shape).cause as Partial<Response> | undefined;
  const answered = typeof answer?.status === "number" ? answer : undefined;
  if (code === "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED") return issuerMismatch(error as Shape, at);
  if (answered?.status !== undefined && answered.status >= 300 && answered.status < 400) return redirect(answered, at);
  if (answered !== undefined && isHtml(answered)) return html(answered, at);
  if (answered?.status === 404) {
    return invalid(
      `${at.issuer} has no discovery document (HTTP 404 at ${quoted(answered.url || "its well-known address", 200, at)})`,
      'check issuer: it is the value of "issuer" in the provider\'s discovery document, path included',
    );
  }
  if (answered?.status === 401 || answered?.status === 403)
    return refusal(`HTTP ${answered.status}`, undefined, answered.status, at);
  if ((answered?.status ?? 0) >= 500) {
    return new BrokerError("UNREACHABLE", `${at.issuer} failed with HTTP ${answered?.status}`, {
      hint: "try again later, or ask who runs it",
    });
  }
  // openid-client's own words are for programmers; these are the two a misconfigured server brings about.
  const said =
    code === "OAUTH_PARSE_ERROR" || code === "OAUTH_RESPONSE_IS_NOT_JSON"
      ? "not JSON"
      : error instanceof Error
        ? error.message
        : String(error);
  const statusText = answered === undefined ? "" : `, HTTP ${answered.status}`;
  return invalid(
    `${at.issuer} answered with something that is not OAuth (${quoted(said, 120, at)}${statusText})`,
    "check issuer, and whether a proxy stands in between",
  );
}

/** Blanked before it is cut: what is cut off a secret would leave its beginning. */
function quoted(text: unknown, maxLength: number, { secrets }: OauthContext): string {
  return printable(withoutSecrets(String(text), secrets), maxLength);
}

/** A 401 whose error stands in WWW-Authenticate instead of the body. */
function challengeError({ cause }: Shape): { error: string; description: string | undefined } | undefined {
  if (!Array.isArray(cause)) return undefined;
  for (const { parameters } of cause as { parameters?: Record<string, string> }[]) {
    if (typeof parameters?.error === "string")
      return { error: parameters.error, description: parameters.error_description };
  }
  return cause.length > 0 ? { error: "invalid_client", description: undefined } : undefined;
}

const WRONG_SECRET: Record<string, string> = {
  client_secret_basic: "check client_secret, and that the client may use client_secret_basic",
  client_secret_post: "check client_secret, and that the client may use client_secret_post",
  client_secret_jwt: "check client_secret, and that the client may use client_secret_jwt",
  private_key_jwt:
    "check that the provider knows the public key of private_key, its kid (private_key_id) and the algorithm",
  tls_client_auth: "check client_certificate: its subject must be the one registered for the client",
  self_signed_tls_client_auth: "check that this very client_certificate is registered for the client",
};

function refusal(
  error: string,
  description: string | undefined,
  status: number | undefined,
  at: OauthContext,
): BrokerError {
  const { issuer, clientId, method, grant, skewMs, scope, target } = at;
  const said = description === undefined ? "" : `: ${quoted(description, 200, at)}`;
  const code = `${quoted(error, 60, at)}${said}`;
  const client = `client "${printable(clientId, 120)}"`;
  const refused = (line: string, hint: string | undefined): BrokerError =>
    new BrokerError("IDP_REFUSED", line, { hint });
  switch (error) {
    case "invalid_client":
    case "unauthorized_client":
    case "HTTP 401":
    case "HTTP 403": {
      const clock = method.endsWith("_jwt") && skewMs !== undefined && Math.abs(skewMs) > 30_000;
      if (clock) {
        const line = `${issuer} refuses ${client} (${code}), and this machine's clock is ${spoken(skewMs)} ${skewMs > 0 ? "behind" : "ahead of"} the provider's`;
        return refused(line, "set the clock right (timedatectl), the client assertion is only valid for a minute");
      }
      const line = `${issuer} does not accept ${client} by ${method} (${code})`;
      return refused(line, WRONG_SECRET[method] ?? "check the client's secret");
    }
    case "invalid_scope":
      return refused(
        `${issuer} does not grant ${client} the scope ${scope === undefined ? "asked for" : `"${printable(scope, 120)}"`} (${code})`,
        "check scope against what the client is allowed",
      );
    case "invalid_target":
      return refused(
        `${issuer} does not know the ${target === undefined ? "resource asked for" : printable(target, 200)} (${code})`,
        "check resource and audience",
      );
    case "unsupported_grant_type":
    case "unsupported_response_type":
      return refused(
        `${issuer} does not offer ${grant ?? "client credentials"} to ${client} (${code})`,
        grant === undefined
          ? "allow the grant client_credentials for this client (Keycloak: service accounts)"
          : `allow ${grant} for this client`,
      );
    case "access_denied":
      return refused(`${issuer} denies ${client} a token (${code})`, undefined);
    case "temporarily_unavailable":
    case "server_error":
      return new BrokerError("UNREACHABLE", `${issuer} failed (${code})`, {
        hint: "try again later, or ask who runs it",
      });
    default:
      return refused(
        `${issuer} refuses ${client} (${code}${status === undefined ? "" : `, HTTP ${status}`})`,
        undefined,
      );
  }
}

function issuerMismatch({ cause }: Shape, at: OauthContext): BrokerError {
  const { issuer } = at;
  const found = (cause as { body?: { issuer?: unknown } } | undefined)?.body?.issuer;
  const hint =
    typeof found === "string" ? `issuer = "${quoted(found, 200, at)}", if that is the provider you mean` : undefined;
  return invalid(
    `the discovery document of ${issuer} names another issuer${typeof found === "string" ? `, "${quoted(found, 200, at)}"` : ""}`,
    hint,
  );
}

function redirect(answer: Partial<Response>, at: OauthContext): BrokerError {
  const { issuer } = at;
  const location = answer.headers?.get("location");
  let to = "";
  try {
    to = location === null || location === undefined ? "" : ` to ${quoted(new URL(location, issuer).origin, 120, at)}`;
  } catch {
    // Not a URL: nothing to show.
  }
  return invalid(
    `${issuer} answered with a redirect${to} (HTTP ${answer.status}), which is not followed`,
    "check issuer, and whether a proxy or login portal stands in between",
  );
}

function html(answer: Partial<Response>, { issuer }: OauthContext): BrokerError {
  return invalid(
    `${issuer} answered with an HTML page instead of JSON (HTTP ${answer.status})`,
    "check issuer and HTTPS_PROXY: a login portal or a proxy may stand in between",
  );
}

function isHtml(answer: Partial<Response>): boolean {
  return /\bhtml\b/i.test(answer.headers?.get("content-type") ?? "");
}

function invalid(message: string, hint?: string): BrokerError {
  return new BrokerError("IDP_INVALID_ANSWER", message, { hint });
}
