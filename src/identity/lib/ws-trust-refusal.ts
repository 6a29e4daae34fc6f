/** What a security token service's refusal means. Its codes decide; AD FS's numbered texts (ID…, MSIS…) where one code has several causes. */
import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { spoken } from "../../core/time.ts";
import type { HttpResponse } from "../../host/host.ts";
import type { SoapFault } from "./soap.ts";

export interface TokenServiceContext {
  /** As in "AD FS at https://adfs.corp.example". */
  readonly who: string;
  /** Path of the endpoint. */
  readonly path: string;
  readonly method: "usernamemixed" | "windowstransport" | "certificatemixed";
  /** As configured; undefined without one. */
  readonly username: string | undefined;
  readonly appliesTo: string;
  /** How far the server's clock is ahead of ours. */
  readonly skewMs: number | undefined;
}

/** Half of what WCF bears. */
const NOTABLE_SKEW_MS = 150_000;

/** @see WS-Trust 1.3 §11, WSS: SOAP Message Security 1.1 §12 */
export function tokenServiceRefusal({ code, reason }: SoapFault, at: TokenServiceContext): BrokerError {
  const { who, appliesTo, method } = at;
  const said = reason === "" ? code : `${code}: ${reason}`;
  const trust = `"${printable(appliesTo, 120)}"`;
  if (/\bID3082\b|\bMSIS(?:7007|3020|3056)\b/.test(reason) || code === "InvalidScope")
    return refused(
      `${who} knows no enabled relying party trust ${trust}, spelt exactly so, that this account may use (${said})`,
      `on AD FS: Get-AdfsRelyingPartyTrust -Identifier ${printable(appliesTo, 120)}; another name goes into applies_to`,
    );
  if (/\bMSIS7068\b|access denied/i.test(reason))
    return refused(
      `${who} lets ${account(at)} in, but not to the relying party trust ${trust} (${said})`,
      "on AD FS: let the access control policy of the relying party trust permit this account",
    );
  switch (code) {
    case "FailedAuthentication":
      return failedAuthentication(reason, said, at);
    case "MessageExpired":
    case "InvalidSecurity":
    case "ExpiredData":
    case "InvalidTimeRange":
      return clock(said, at) ?? unsecured(said, at);
    case "InvalidSecurityToken":
    case "FailedCheck":
    case "SecurityTokenUnavailable":
    case "UnsupportedSecurityToken":
    case "UnsupportedAlgorithm":
      return unsecured(said, at);
    case "RequestFailed":
      return refused(
        `${who} could not issue a token for ${trust} (${said}): a claim rule fails, or its policy asks for more than ${method} gives, a second factor for example`,
        "AD FS's own log says which: Applications and Services Logs, AD FS, Admin (events 111, 303, 325)",
      );
    case "ActionNotSupported":
    case "DestinationUnreachable":
    case "EndpointUnavailable":
    case "InvalidRequest":
    case "BadRequest":
    case "MustUnderstand":
    case "VersionMismatch":
      return new BrokerError(
        "IDP_INVALID_ANSWER",
        `${who} does not take a WS-Trust 1.3 request at ${at.path} (${said})`,
        {
          hint: `check endpoint: /adfs/services/trust/13/${method} is AD FS's`,
        },
      );
    default:
      return refused(`${who} refuses ${account(at)} a token (${said})`);
  }
}

/** An answer that is no envelope at all. */
export function tokenServiceForeign({ status, headers }: HttpResponse, at: TokenServiceContext): BrokerError {
  const { who, path, method } = at;
  const enable = `on AD FS: Enable-AdfsEndpoint -TargetAddressPath /adfs/services/trust/13/${method}, then restart-service adfssrv; from outside also Set-AdfsEndpoint … -Proxy $true`;
  if (status >= 300 && status < 400) {
    const to = headers.location === undefined ? "" : ` to ${printable(headers.location, 120)}`;
    return new BrokerError("IDP_INVALID_ANSWER", `${who} redirects${to} (HTTP ${status}), which is not followed`, {
      hint: "check endpoint, and whether a proxy or login portal stands in between",
    });
  }
  if (status === 404)
    return refused(`${who} has no endpoint ${path} (HTTP 404): it is disabled, or not published`, enable);
  if (status === 503)
    return new BrokerError(
      "UNREACHABLE",
      `${who} does not serve ${path} (HTTP 503): the endpoint is disabled, or the service is down`,
      {
        hint: enable,
      },
    );
  if (status === 401 || status === 403)
    return refused(
      `${who} refuses ${account(at)} at ${path} (HTTP ${status})`,
      method === "windowstransport"
        ? "klist; on AD FS the service account needs the SPN HTTP/host, and Extended Protection must not be Require"
        : `check that ${path} is the endpoint of ${method}`,
    );
  if (status >= 500)
    return new BrokerError("UNREACHABLE", `${who} failed with HTTP ${status}`, {
      hint: "try again later, or ask who runs it",
    });
  return new BrokerError("IDP_INVALID_ANSWER", `${who} answered with something that is not SOAP (HTTP ${status})`, {
    hint: "check endpoint and HTTPS_PROXY: a login portal or a proxy may stand in between",
  });
}

/** AD FS gives one answer to all of it, so that nobody can probe for accounts. */
function failedAuthentication(reason: string, said: string, at: TokenServiceContext): BrokerError {
  const { who, method } = at;
  if (method === "usernamemixed") {
    if (/locked|lockout/i.test(reason))
      return refused(`${account(at)} is locked at ${who} (${said})`, "wait, or have it unlocked: Unlock-ADAccount");
    if (/password.*expired|must change/i.test(reason))
      return refused(
        `the password of ${account(at)} has expired (${said})`,
        "have it changed, and never expire for service accounts",
      );
    return refused(
      `${who} does not accept ${account(at)}: the password is wrong or expired, or the account is locked, disabled or unknown; it does not say which (${said})`,
      "check username (user@domain or DOMAIN\\user) and password; AD FS's log says which it is (events 342, 411, 516)",
    );
  }
  const hint =
    method === "certificatemixed"
      ? "the certificate has to be mapped to an account: its UPN in the subject alternative name, or altSecurityIdentities"
      : "klist: is the ticket that of the right principal?";
  return refused(`${who} does not accept ${account(at)} (${said})`, hint);
}

function unsecured(said: string, at: TokenServiceContext): BrokerError {
  return refused(
    `${at.who} does not take the security header of our request (${said})`,
    at.method === "certificatemixed"
      ? 'the certificate is not trusted there or revoked, or the other signature_algorithm is wanted: "rsa-sha1", "rsa-sha256"'
      : "check the clocks of this machine and of the server (date -u), and that endpoint is that of the method",
  );
}

function clock(said: string, { who, skewMs }: TokenServiceContext): BrokerError | undefined {
  if (skewMs === undefined || Math.abs(skewMs) < NOTABLE_SKEW_MS) return undefined;
  return refused(
    `${who} does not take our request (${said}), and this machine's clock is ${spoken(skewMs)} ${skewMs > 0 ? "behind" : "ahead of"} the server's`,
    "set the clock right: timedatectl set-ntp true",
  );
}

function account({ username, method }: TokenServiceContext): string {
  if (username !== undefined) return `user "${printable(username, 120)}"`;
  return method === "certificatemixed" ? "the client certificate" : "the Kerberos principal";
}

function refused(message: string, hint?: string): BrokerError {
  return new BrokerError("IDP_REFUSED", message, { hint });
}
