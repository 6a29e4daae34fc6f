/** Whether AWS could fetch an issuer's keys: it does so itself, from outside. */
import { printable } from "../core/printable.ts";
import { attempt, type Finding, unusable } from "./finding.ts";
import { type Claims, textClaim } from "./jwt.ts";

const LONGEST = 255;
/** Names that no public resolver answers. @see RFC 6761, RFC 6762, RFC 8375, ICANN's reservation of "internal" */
const PRIVATE_NAME =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|private|lan|home|corp|test|invalid|example|home\.arpa)$/;

/** The form of the issuer, and whether it is to be reached. */
export function issuerFindings(claims: Claims): Finding[] {
  const form = attempt("issuer", () => {
    const issuer = textClaim(claims, "iss", "the token");
    const wrong = formProblem(issuer);
    if (wrong !== undefined)
      throw unusable(
        `the issuer "${printable(issuer)}" ${wrong}`,
        "IAM takes no OIDC provider with such an address; see its public URL (frontend URL)",
      );
    return `"${printable(issuer)}"`;
  });
  const { iss } = claims;
  if (typeof iss !== "string" || !URL.canParse(iss)) return [form];
  return [form, reachable(new URL(iss).hostname.toLowerCase())];
}

function formProblem(issuer: string): string | undefined {
  if (issuer.length > LONGEST) return `is ${issuer.length} characters long, and IAM takes at most ${LONGEST}`;
  if (!URL.canParse(issuer)) return "is not a URL, and AWS needs one";
  const { protocol, search, hash, username } = new URL(issuer);
  if (protocol !== "https:") return "is not https, and AWS needs it";
  // new URL drops the default port, and IAM does not take that either.
  if (/^https:\/\/[^/]*:\d+(?:\/|$)/i.test(issuer)) return "has a port in it, and IAM takes none";
  if (search !== "" || hash !== "" || username !== "" || /[?#]/.test(issuer))
    return "has a query, a fragment or a user in it, and IAM takes none";
  return undefined;
}

function reachable(host: string): Finding {
  const point = "reachable";
  const hint =
    "publish /.well-known/openid-configuration and its keys at a public address, or use SAML or IAM Roles Anywhere, which need none";
  if (isPrivateAddress(host))
    return {
      point,
      verdict: "no",
      detail: `${host} is a private or loopback address: AWS cannot fetch keys from it`,
      hint,
    };
  if (PRIVATE_NAME.test(host) || !host.includes("."))
    return {
      point,
      verdict: "no",
      detail: `${printable(host, 120)} is a name that nobody outside can look up: AWS cannot fetch keys from it`,
      hint,
    };
  return {
    point,
    verdict: "unknown",
    detail: `AWS has to fetch https://${printable(host, 120)}/… from outside; whether it can is not to be seen from here`,
  };
}

/** As `URL` writes a host: IPv4 in four decimals whatever its spelling, IPv6 in brackets. */
function isPrivateAddress(host: string): boolean {
  const four = /^(\d+)\.(\d+)\.\d+\.\d+$/.exec(host);
  if (four !== null) {
    const [a, b] = [Number(four[1]), Number(four[2])];
    return (
      a === 0 ||
      a === 10 ||
      a === 127 ||
      (a === 100 && b >= 64 && b < 128) ||
      (a === 169 && b === 254) ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168) ||
      a >= 224
    );
  }
  return /^\[(?:::1?\]|f[cd]|fe[89ab]|::ffff:)/.test(host);
}
