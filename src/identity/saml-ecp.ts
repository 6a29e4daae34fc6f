import { BrokerError } from "../core/errors.ts";
import { hasControlCharacter, printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import { SettingError, type SettingsSpec } from "../core/settings.ts";
import type { TomlTable } from "../core/types.ts";
import type { HttpRequest, HttpResponse } from "../host/host.ts";
import { AWS_ACS } from "./lib/assertion-consumer.ts";
import { ECP_HEADERS, type EcpRequest, ecpEndpoint, ecpRequest, ecpResponse } from "./lib/ecp.ts";
import { KERBEROS_SETTINGS, type KerberosSettings, kerberosSettings } from "./lib/kerberos-settings.ts";
import { negotiatedRequest, prepareNegotiate } from "./lib/negotiate.ts";
import { absolutePath } from "./lib/path.ts";
import {
  METADATA_SETTINGS,
  type MetadataSettings,
  metadataSettings,
  readMetadataMeanwhile,
} from "./lib/saml-metadata.ts";
import type { SamlStatus } from "./lib/saml-status.ts";
import { readSecret, type SecretSource, secretSource } from "./lib/secret-source.ts";
import { readSoap, type SoapFault } from "./lib/soap.ts";
import { samlId } from "./lib/unique-id.ts";
import { withoutSecrets } from "./lib/without-secrets.ts";
import type { AcquireContext, IdentitySource, Proof } from "./source.ts";

const METHODS = ["basic", "negotiate"] as const;
type Method = (typeof METHODS)[number];

/** As for every SAML response: AWS's 100,000 characters, and room for an envelope. */
const MAX_BYTES = 512 * 1024;

const SETTINGS = {
  idp_ecp_url: {
    type: "url",
    summary: "the IdP's ECP endpoint, as in https://idp.corp.example/idp/profile/SAML2/SOAP/ECP",
    defaultText: "the SOAP SingleSignOnService of the metadata",
  },
  auth: {
    type: "string",
    oneOf: METHODS,
    summary: "how we prove ourselves: user name and password (HTTP Basic), or Kerberos",
    defaultText: "basic with a password, else negotiate",
  },
  username: { type: "string", summary: "for basic" },
  password: { type: "secret", summary: "where its password is" },
  entity_id: {
    type: "string",
    summary: "AWS's entity ID, as the IdP knows it",
    defaultText: "urn:amazon:webservices",
  },
  acs_url: { type: "url", summary: "AWS's assertion consumer service, where it is another", defaultText: AWS_ACS },
  ...METADATA_SETTINGS,
  ...KERBEROS_SETTINGS,
} as const satisfies SettingsSpec;

interface Settings extends MetadataSettings {
  readonly ecpUrl: string | undefined;
  readonly auth: Method;
  readonly username: string | undefined;
  readonly password: SecretSource | undefined;
  readonly entityId: string;
  readonly acsUrl: string;
  readonly kerberos: KerberosSettings;
}

/** Shibboleth, Keycloak and other providers with an ECP endpoint. @see SAML V2.0 Enhanced Client or Proxy Profile 2.0 */
export const samlEcp: IdentitySource<Settings> = {
  kind: "saml-ecp",
  yields: "saml",
  summary: "SAML by the ECP profile, without a browser (Shibboleth, Keycloak): password or Kerberos",
  settings: SETTINGS,
  parse,
  acquire,
};

function parse(table: TomlTable): Settings {
  const text = (key: keyof typeof SETTINGS): string | undefined => table[key] as string | undefined;
  const auth = (text("auth") as Method | undefined) ?? (table.password === undefined ? "negotiate" : "basic");
  for (const key of ["username", "password"] as const) {
    const given = table[key] !== undefined;
    if (auth === "basic" && !given)
      throw new SettingError("auth", `basic needs ${key}`, `${key}: ${SETTINGS[key].summary}`);
    if (auth === "negotiate" && given) throw new SettingError(key, `${key} is for basic, and auth is negotiate`);
  }
  const username = text("username");
  if (username !== undefined && (username.includes(":") || hasControlCharacter(username))) {
    // RFC 7617 §2: what follows the first colon would be taken for the password.
    throw new SettingError("username", "username holds a colon or a control character, which HTTP Basic cannot carry");
  }
  const ecpUrl = text("idp_ecp_url");
  if (ecpUrl === undefined && table.metadata === undefined) {
    throw new SettingError(
      "idp_ecp_url",
      "nothing says where the IdP is: there is neither idp_ecp_url nor metadata",
      'idp_ecp_url = "https://idp.corp.example/idp/profile/SAML2/SOAP/ECP", for example',
    );
  }
  return {
    ...metadataSettings(table),
    ecpUrl,
    auth,
    username,
    password: secretSource(table.password),
    entityId: text("entity_id") ?? "urn:amazon:webservices",
    acsUrl: text("acs_url") ?? AWS_ACS,
    kerberos: kerberosSettings(table, [ecpUrl]),
  };
}

async function acquire(settings: Settings, context: AcquireContext): Promise<Proof> {
  const { host } = context;
  const password =
    settings.password === undefined ? undefined : await readSecret(settings.password, "password", "one", context);
  if (settings.auth === "negotiate") prepareNegotiate(settings.kerberos, context);
  const metadata = await readMetadataMeanwhile(settings, context);
  const destination = settings.ecpUrl ?? ecpEndpoint((await metadata()) ?? "", settings.metadata ?? "");
  const who = printable(new URL(destination).origin, 200);
  const request: EcpRequest = {
    id: samlId(host.crypto),
    entityId: settings.entityId,
    acsUrl: settings.acsUrl,
    destination,
    nowMs: host.clock.nowMs() + (host.http.skewMs() ?? 0),
  };
  const response = await send(request, settings, password, context);
  host.log.debug("idp", `${who}: ECP with ${settings.auth} answered HTTP ${response.status}`);

  const refused = refusals(who, settings, password);
  const answer = readSoap(response, who);
  if (answer === undefined) throw refused.foreign(response);
  if (answer.fault !== undefined) throw refused.fault(answer.fault, response.status);
  return {
    kind: "saml",
    response: ecpResponse(answer, who, request, refused.status),
    name: `the SAML response of ${who}`,
    metadata: settings.verify ? await metadata() : undefined,
  };
}

function send(
  ecp: EcpRequest,
  { auth, username, caFile, kerberos }: Settings,
  password: Secret | undefined,
  context: AcquireContext,
): Promise<HttpResponse> {
  const basic =
    auth === "basic" ? Buffer.from(`${username}:${password?.reveal()}`, "utf8").toString("base64") : undefined;
  const request: HttpRequest = {
    method: "POST",
    url: ecp.destination,
    // Unasked: some providers answer the first request with a page instead of a challenge.
    headers: { ...ECP_HEADERS, ...(basic === undefined ? {} : { authorization: `Basic ${basic}` }) },
    body: ecpRequest(ecp),
    maxBytes: MAX_BYTES,
    tls: caFile === undefined ? {} : { caFile: absolutePath(caFile, context.host) },
    signal: context.signal,
  };
  if (auth === "basic") return context.host.http.request(request);
  // Without idp_ecp_url it is the metadata, configured too, that names the host.
  return negotiatedRequest(request, { ...kerberos, configuredHosts: [new URL(ecp.destination).hostname] }, context);
}

/** The ways in which providers say no; nobody's answer may quote the password. */
function refusals(who: string, { auth, username, entityId, acsUrl }: Settings, password: Secret | undefined) {
  const account = auth === "basic" ? `user "${printable(username, 120)}"` : "the Kerberos principal";
  const check =
    auth === "basic"
      ? "check username and password, and that the account is not locked"
      : "klist: is the ticket that of the right principal?";
  const register = `the IdP has to know ${printable(entityId, 120)} with the assertion consumer service ${acsUrl}, binding PAOS`;
  const quoted = (code: string, text: string): string =>
    text === "" ? code : `${code}: ${withoutSecrets(text, [password])}`;
  const refuse = (message: string, hint: string): BrokerError => new BrokerError("IDP_REFUSED", message, { hint });
  return {
    status({ code, message }: SamlStatus): BrokerError {
      const said = quoted(code === "" ? "no status" : code, message);
      if (/^(?:AuthnFailed|UnknownPrincipal|NoPassive|NoAuthnContext)$/.test(code))
        return refuse(`${who} does not accept ${account} (${said})`, check);
      return refuse(
        `${who} refuses a SAML response for AWS (${said})`,
        `${register}; and may ${account} use AWS there?`,
      );
    },
    fault({ code, reason }: SoapFault, status: number): BrokerError {
      const said = quoted(code, reason);
      if (status === 401) return refuse(`${who} does not accept ${account} (HTTP 401, ${said})`, check);
      return refuse(`${who} refuses the ECP request of ${account} (HTTP ${status}, ${said})`, `${check}; ${register}`);
    },
    foreign({ status, headers }: HttpResponse): BrokerError {
      if (status >= 300 && status < 400) {
        const to = headers.location === undefined ? "" : ` to ${printable(headers.location, 120)}`;
        return new BrokerError(
          "IDP_INVALID_ANSWER",
          `${who} redirects${to} (HTTP ${status}), which ECP does not follow`,
          {
            hint: "check idp_ecp_url: a redirect usually leads to a login page, and ECP has none",
          },
        );
      }
      if (status === 401) return refuse(`${who} does not accept ${account} (HTTP 401)`, check);
      if (status === 403) return refuse(`${who} does not let ${account} use ECP (HTTP 403)`, register);
      if (status === 404)
        return refuse(
          `${who} has no ECP endpoint there (HTTP 404)`,
          "check idp_ecp_url; ECP may have to be enabled at the IdP",
        );
      if (status >= 400 && status < 500)
        return refuse(`${who} refuses the ECP request (HTTP ${status} and a web page)`, register);
      if (status >= 400)
        return new BrokerError("UNREACHABLE", `${who} failed with HTTP ${status}`, {
          hint: "try again later, or ask who runs it",
        });
      return new BrokerError("IDP_INVALID_ANSWER", `${who} answered with a web page instead of SOAP (HTTP ${status})`, {
        hint: "check idp_ecp_url and HTTPS_PROXY: a login portal or a proxy may stand in between",
      });
    },
  };
}
