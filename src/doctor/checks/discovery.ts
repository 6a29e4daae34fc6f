import { EXIT } from "../../core/errors.ts";
import { isLoopbackUrl } from "../../core/loopback.ts";
import { posixQuote } from "../../core/posix-quote.ts";
import { printable } from "../../core/printable.ts";
import type { TlsSettings } from "../../host/host.ts";
import type { Answer, Check, DoctorContext, UsedIdentity } from "../check.ts";
import { discoveryUrl } from "../discovery-url.ts";
import { type Finding, failed, ofError, ok, skipped, warning } from "../finding.ts";
import { tlsOf } from "../servers.ts";

/** What AWS takes of an OIDC provider. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];
/** AWS's own bound, of either type. */
const MOST_KEYS = 100;

const GRANTS: Readonly<Record<string, string>> = {
  "oidc-client-credentials": "client_credentials",
  "oidc-device": "urn:ietf:params:oauth:grant-type:device_code",
  "oidc-browser": "authorization_code",
  "oidc-kerberos": "authorization_code",
};

/** What an issuer says of itself, and the keys that AWS will check its tokens with. */
export const discovery: Check = {
  id: "discovery",
  title: "discovery",
  network: true,
  async run(context) {
    const oidc = context.identities.filter(({ table }) => typeof table.issuer === "string");
    const found = await Promise.all(oidc.map((identity) => examined(identity, context)));
    return found.length > 0 ? found.flat() : [skipped("no identity has an issuer to ask")];
  },
};

async function examined(identity: UsedIdentity, context: DoctorContext): Promise<Finding[]> {
  const about = { identity: identity.name };
  const issuer = String(identity.table.issuer);
  const url = discoveryUrl(issuer, identity.table.discovery);
  const tls = tlsOf(identity, context.host);
  const answer = await context.get(url, tls);
  if (!answer.ok && identity.table.client_certificate !== undefined)
    return [
      skipped(`not seen without the client certificate, which the dry run shows: ${answer.error.message}`, about),
    ];
  const document = documentOf(answer, url, about);
  if ("finding" in document) return [document.finding];
  const { said } = document;
  if (said.issuer !== issuer) {
    const line = `the provider calls itself "${printable(said.issuer, 200)}", and the configuration "${printable(issuer, 200)}"`;
    return [failed(line, `issuer = "${printable(said.issuer, 200)}"`, about)];
  }
  const where = placesOf(said, new URL(issuer));
  return [
    ok(`the discovery document is there and names the issuer as configured${where}`, about),
    ...(await keyLines(said.jwks_uri, tls, context, about)),
    ...grantLines(identity, said),
  ];
}

type Said = Readonly<Record<string, unknown>>;

function documentOf(answer: Answer, url: string, about: { identity: string }): { said: Said } | { finding: Finding } {
  const shown = printable(url, 200);
  if (!answer.ok) return { finding: ofError(answer.error, about) };
  const { status, body, headers } = answer.response;
  const to = headers.location === undefined ? "" : ` to ${printable(headers.location, 120)}, which is not followed`;
  const hint = `curl -sS ${posixQuote(shown)}; check issuer`;
  if (status !== 200)
    return { finding: failed(`there is nothing at ${shown} (HTTP ${status}${to})`, hint, about, EXIT.unreachable) };
  try {
    const said: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof said === "object" && said !== null && !Array.isArray(said)) return { said: said as Said };
  } catch {
    // HTML, as portals and proxies answer.
  }
  return { finding: failed(`${shown} is not a JSON document`, hint, about, EXIT.unreachable) };
}

/** Where tokens and secrets will go. */
function placesOf(said: Said, issuer: URL): string {
  const names = ["token_endpoint", "authorization_endpoint", "device_authorization_endpoint", "jwks_uri"];
  const hosts = names.flatMap((name) => {
    const value = said[name];
    return typeof value === "string" && URL.canParse(value) ? [new URL(value).host] : [];
  });
  const others = [...new Set(hosts)].filter((host) => host !== issuer.host);
  return others.length === 0
    ? ""
    : `; its endpoints are also at ${others.map((one) => printable(one, 120)).join(", ")}`;
}

async function keyLines(
  uri: unknown,
  tls: TlsSettings,
  { get }: DoctorContext,
  about: { identity: string },
): Promise<Finding[]> {
  if (typeof uri !== "string" || !URL.canParse(uri))
    return [
      failed("the discovery document names no jwks_uri, so AWS finds no keys", "ask who runs it", about, EXIT.refused),
    ];
  const url = new URL(uri);
  if (url.protocol !== "https:" && !isLoopbackUrl(url))
    return [failed(`jwks_uri ${printable(uri, 200)} is not https`, "ask who runs the provider", about, EXIT.refused)];
  const document = documentOf(await get(uri, tls), uri, about);
  if ("finding" in document) return [document.finding];
  const keys = Array.isArray(document.said.keys) ? (document.said.keys as Said[]) : [];
  const signing = keys.filter(({ use }) => use === undefined || use === "sig");
  const usable = signing.filter(isUsable);
  if (usable.length === 0)
    return [
      failed(
        `AWS takes none of the ${counted(keys.length)} that it publishes, but keys for ${ALGORITHMS.join(", ")}`,
        "have the identity provider sign with RS256",
        about,
        EXIT.refused,
      ),
    ];
  for (const type of ["RSA", "EC"])
    if (keys.filter(({ kty }) => kty === type).length > MOST_KEYS)
      return [warning(`it publishes more than ${MOST_KEYS} ${type} keys, and AWS reads no more`, undefined, about)];
  const types = [...new Set(usable.map(({ alg, kty }) => printable(alg ?? kty, 20)))].join(", ");
  return [ok(`AWS takes ${usable.length} of the ${counted(keys.length)} that it publishes (${types})`, about)];
}

function counted(number: number): string {
  return number === 1 ? "1 key" : `${number} keys`;
}

function isUsable({ kty, alg }: Said): boolean {
  if (kty !== "RSA" && kty !== "EC") return false;
  return alg === undefined || ALGORITHMS.includes(String(alg));
}

/** A list that is there and lacks what is needed; many providers leave it out, or say less than they do. */
function grantLines({ name, source, table }: UsedIdentity, said: Said): Finding[] {
  const about = { identity: name };
  const grant = GRANTS[source.kind];
  const grants = said.grant_types_supported;
  const lacking: Finding[] = [];
  if (grant !== undefined && Array.isArray(grants) && !grants.includes(grant))
    lacking.push(
      warning(
        `it does not list the grant ${grant}, which ${source.kind} needs`,
        "allow it for this client at the provider",
        about,
      ),
    );
  const responses = said.response_types_supported;
  if (grant === "authorization_code" && Array.isArray(responses) && !responses.includes("code"))
    lacking.push(
      warning('it does not list the response type "code"', "allow the authorization code flow there", about),
    );
  const scopes = said.scopes_supported;
  const wanted = String(table.scope ?? "")
    .split(" ")
    .filter((one) => one !== "");
  const unknown = Array.isArray(scopes) ? wanted.filter((one) => !scopes.includes(one)) : [];
  if (unknown.length > 0)
    lacking.push(warning(`it does not list the scope ${printable(unknown.join(", "), 120)}`, "check scope", about));
  return lacking;
}
