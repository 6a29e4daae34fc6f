import { readIdpMetadata } from "../assertion/saml-metadata.ts";
import { BrokerError } from "../core/errors.ts";
import { posixQuote } from "../core/posix-quote.ts";
import { printable } from "../core/printable.ts";
import type { Host, HttpResponse } from "../host/host.ts";
import type { Offers, OidcOffer, SamlOffer } from "./offers.ts";

type Where = Pick<Host, "http" | "log">;

const TIMEOUT_MS = 10_000;
const METADATA_BYTES = 4 * 1024 * 1024;
/** The standard's own, and one that Entra ID has without saying so. @see OpenID Connect Discovery 1.0 §3 */
const UNSTATED_GRANTS = ["authorization_code", "implicit", "client_credentials"];
const AWS = "urn:amazon:webservices";

/**
 * Asks an identity provider what it is: OpenID Connect discovery at the address, SAML metadata there and at the places that the usual makes
 * have it, and whether its login pages take Kerberos. GET requests alone, no redirect is followed, nothing of ours is told.
 *
 * @throws BrokerError UNREACHABLE, TIMEOUT; IDP_INVALID_ANSWER where there is no identity provider
 */
export async function discover(address: URL, host: Where, signal: AbortSignal): Promise<Offers> {
  const failures: BrokerError[] = [];
  const get = async (url: string): Promise<HttpResponse | undefined> => {
    try {
      const answer = await host.http.request({
        method: "GET",
        url,
        timeoutMs: TIMEOUT_MS,
        maxBytes: METADATA_BYTES,
        headers: { accept: "application/json, application/samlmetadata+xml, text/xml, */*;q=0.1" },
        signal,
      });
      host.log.debug("setup", `${printable(url)}: HTTP ${answer.status}`);
      return answer;
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      host.log.debug("setup", `${printable(url)}: ${error.message}`);
      failures.push(error);
      return undefined;
    }
  };
  const first = await get(discoveryUrl(address.href));
  // Nobody answers, or nobody whom this machine trusts: further tries would only take longer to say so.
  if (first === undefined && failures[0] !== undefined) throw failures[0];
  const [oidc, saml] = await Promise.all([
    openId(address, first, get),
    firstOf(metadataPlaces(address), (place) => samlOf(place, address, get)),
  ]);
  if (oidc !== undefined || saml !== undefined) return { oidc, saml };
  throw new BrokerError(
    "IDP_INVALID_ANSWER",
    `${address.origin} answers, but has neither OpenID Connect discovery nor SAML metadata at ${printable(address.pathname, 120)}`,
    { hint: "give the issuer with its whole path (Keycloak: …/realms/NAME), or the address of the SAML metadata" },
  );
}

type Get = (url: string) => Promise<HttpResponse | undefined>;

function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
}

async function openId(address: URL, first: HttpResponse | undefined, get: Get): Promise<OidcOffer | undefined> {
  const document =
    jsonOf(first) ?? (address.pathname === "/" ? jsonOf(await get(discoveryUrl(`${address.origin}/adfs`))) : undefined);
  if (document === undefined) return undefined;
  const { issuer } = document;
  if (typeof issuer !== "string" || !URL.canParse(issuer)) return undefined;
  // A document that speaks for somebody else is a mistake or a trap.
  if (new URL(issuer).origin !== address.origin)
    throw new BrokerError(
      "IDP_INVALID_ANSWER",
      `the discovery document at ${address.origin} is that of ${printable(issuer, 160)}`,
      { hint: `--issuer ${posixQuote(printable(issuer, 160))}, if that is the one you mean` },
    );
  const text = (name: string): string | undefined => {
    const value = document[name];
    return typeof value === "string" ? value : undefined;
  };
  const list = (name: string, standard: readonly string[]): readonly string[] => {
    const value = document[name];
    return Array.isArray(value) ? value.filter((one) => typeof one === "string") : standard;
  };
  const authorizationEndpoint = text("authorization_endpoint");
  return {
    issuer,
    grants: list("grant_types_supported", UNSTATED_GRANTS),
    authorizationEndpoint,
    deviceEndpoint: text("device_authorization_endpoint"),
    clientAuthentication: list("token_endpoint_auth_methods_supported", ["client_secret_basic"]),
    mutualTls:
      typeof document.mtls_endpoint_aliases === "object" ||
      document.tls_client_certificate_bound_access_tokens === true,
    negotiate: await takesKerberos(authorizationEndpoint, address, get),
  };
}

function jsonOf(answer: HttpResponse | undefined): Readonly<Record<string, unknown>> | undefined {
  if (answer?.status !== 200) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(answer.body));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

interface Place {
  readonly url: string;
  readonly signOnUrl: string | undefined;
}

/** The address itself, then where AD FS, Keycloak, Shibboleth, SimpleSAMLphp and LemonLDAP::NG keep it. */
function metadataPlaces(address: URL): Place[] {
  const { origin, pathname, href } = address;
  const realm = /^(.*\/realms\/[^/]+)(?:\/|$)/.exec(pathname)?.[1];
  const relyingParty = encodeURIComponent(AWS);
  const adfs = `${origin}/adfs/ls/IdpInitiatedSignOn.aspx?loginToRp=${relyingParty}`;
  const keycloak = realm === undefined ? undefined : `${origin}${realm}/protocol/saml/clients/amazon-aws`;
  const shibboleth = `${origin}/idp/profile/SAML2/Unsolicited/SSO?providerId=${relyingParty}`;
  const simple = `${origin}/simplesaml/saml2/idp/SSOService.php?spentityid=${relyingParty}`;
  const known: Place[] = [
    ...(realm === undefined ? [] : [{ url: `${origin}${realm}/protocol/saml/descriptor`, signOnUrl: keycloak }]),
    { url: `${origin}/FederationMetadata/2007-06/FederationMetadata.xml`, signOnUrl: adfs },
    { url: `${origin}/idp/shibboleth`, signOnUrl: shibboleth },
    { url: `${origin}/simplesaml/saml2/idp/metadata.php`, signOnUrl: simple },
    { url: `${origin}/simplesaml/module.php/saml/idp/metadata`, signOnUrl: simple },
    // LemonLDAP::NG names its relying parties as it likes.
    { url: `${origin}/saml/metadata`, signOnUrl: undefined },
  ];
  return [...known.filter(({ url }) => url === href), { url: href, signOnUrl: undefined }, ...known].filter(
    ({ url }, index, all) => all.findIndex((one) => one.url === url) === index,
  );
}

async function samlOf({ url, signOnUrl }: Place, address: URL, get: Get): Promise<SamlOffer | undefined> {
  const answer = await get(url);
  if (answer?.status !== 200) return undefined;
  const metadata = new TextDecoder().decode(answer.body);
  if (!/<(?:[\w.-]+:)?(?:EntityDescriptor|EntitiesDescriptor)[\s>]/.test(metadata.slice(0, 20_000))) return undefined;
  // What is metadata and cannot be used is worth an error that says why.
  const { entityId } = await readIdpMetadata(metadata);
  return { entityId, metadataUrl: url, metadata, signOnUrl, negotiate: await takesKerberos(signOnUrl, address, get) };
}

/** A path deeper than a make's own is tried as well; the first in order counts, whoever answers first. */
async function firstOf<T>(
  places: readonly Place[],
  ask: (place: Place) => Promise<T | undefined>,
): Promise<T | undefined> {
  const found = await Promise.all(places.map(ask));
  return found.find((one) => one !== undefined);
}

/** @see RFC 4559 */
async function takesKerberos(url: string | undefined, address: URL, get: Get): Promise<boolean> {
  if (url === undefined || !URL.canParse(url) || new URL(url).origin !== address.origin) return false;
  const answer = await get(url);
  return answer?.status === 401 && /(?:^|,)\s*negotiate\b/i.test(answer.headers["www-authenticate"] ?? "");
}
