import { printable } from "../core/printable.ts";
import { SettingError, type SettingSpec, type SettingsSpec } from "../core/settings.ts";
import type { TomlTable } from "../core/types.ts";
import type { HttpRequest, HttpResponse } from "../host/host.ts";
import { readCertificate } from "./lib/client-certificate.ts";
import { KERBEROS_SETTINGS, type KerberosSettings, kerberosSettings } from "./lib/kerberos-settings.ts";
import { negotiatedRequest, prepareNegotiate } from "./lib/negotiate.ts";
import { absolutePath } from "./lib/path.ts";
import {
  METADATA_SETTINGS,
  type MetadataSettings,
  metadataSettings,
  readMetadataMeanwhile,
} from "./lib/saml-metadata.ts";
import { readSecret, type SecretSource, secretSource } from "./lib/secret-source.ts";
import { readSoap } from "./lib/soap.ts";
import { samlId, uuid } from "./lib/unique-id.ts";
import { withoutSecrets } from "./lib/without-secrets.ts";
import { type Credential, SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from "./lib/ws-security.ts";
import { ISSUE, issuedResponse, requestSecurityToken } from "./lib/ws-trust.ts";
import { type TokenServiceContext, tokenServiceForeign, tokenServiceRefusal } from "./lib/ws-trust-refusal.ts";
import type { AcquireContext, IdentitySource, Proof } from "./source.ts";

const METHODS = ["usernamemixed", "windowstransport", "certificatemixed"] as const;
type Method = (typeof METHODS)[number];

/** An assertion with every group of a large directory stays below AWS's 100,000 characters; the envelope adds little. */
const MAX_BYTES = 512 * 1024;

const SETTINGS = {
  endpoint: {
    type: "url",
    required: true,
    summary: "AD FS, as in https://adfs.corp.example, or the whole URL of a WS-Trust 1.3 endpoint",
  },
  method: {
    type: "string",
    oneOf: METHODS,
    summary: "who we are: by password, by Kerberos or by a client certificate that signs the request",
    defaultText: "usernamemixed with a password, certificatemixed with a client_certificate, else windowstransport",
  },
  username: { type: "string", summary: "user@domain or DOMAIN\\user, for usernamemixed" },
  password: { type: "secret", summary: "where the user's password is" },
  client_certificate: { type: "path", summary: "PEM certificate, for certificatemixed; RSA" },
  client_certificate_key: { type: "secret", summary: "where the certificate's key is, PEM" },
  signature_algorithm: {
    type: "string",
    oneOf: SIGNATURE_ALGORITHMS,
    summary: "of certificatemixed; AD FS's policy (Basic256) names RSA-SHA1",
    defaultText: "rsa-sha1",
  },
  applies_to: {
    type: "string",
    summary: "identifier of the relying party trust for AWS",
    defaultText: "urn:amazon:webservices",
  },
  ...METADATA_SETTINGS,
  ...KERBEROS_SETTINGS,
} as const satisfies SettingsSpec & Record<string, SettingSpec>;

interface Settings extends MetadataSettings {
  readonly endpoint: URL;
  readonly method: Method;
  readonly username: string | undefined;
  readonly password: SecretSource | undefined;
  readonly certificate: string | undefined;
  readonly certificateKey: SecretSource | undefined;
  readonly algorithm: SignatureAlgorithm;
  readonly appliesTo: string;
  readonly kerberos: KerberosSettings;
}

/** AD FS without a browser. @see WS-Trust 1.3 */
export const samlWsTrust: IdentitySource<Settings> = {
  kind: "saml-wstrust",
  yields: "saml",
  summary: "SAML from AD FS by WS-Trust 1.3: password, Kerberos or client certificate",
  settings: SETTINGS,
  parse,
  acquire,
};

const NEEDS: Readonly<Record<Method, readonly (keyof typeof SETTINGS)[]>> = {
  usernamemixed: ["username", "password"],
  windowstransport: [],
  certificatemixed: ["client_certificate", "client_certificate_key"],
};

function parse(table: TomlTable): Settings {
  const text = (key: keyof typeof SETTINGS): string | undefined => table[key] as string | undefined;
  const method =
    (text("method") as Method | undefined) ??
    (table.password !== undefined
      ? "usernamemixed"
      : table.client_certificate !== undefined
        ? "certificatemixed"
        : "windowstransport");
  for (const [of, keys] of Object.entries(NEEDS) as [Method, readonly (keyof typeof SETTINGS)[]][]) {
    for (const key of keys) {
      const given = table[key] !== undefined;
      if (of === method && !given)
        throw new SettingError("method", `${method} needs ${key}`, `${key}: ${SETTINGS[key].summary}`);
      if (of !== method && given) throw new SettingError(key, `${key} is for ${of}, and the method is ${method}`);
    }
  }
  const endpoint = new URL(text("endpoint") ?? "");
  if (endpoint.pathname === "/") endpoint.pathname = `/adfs/services/trust/13/${method}`;
  return {
    ...metadataSettings(table),
    endpoint,
    method,
    username: text("username"),
    password: secretSource(table.password),
    certificate: text("client_certificate"),
    certificateKey: secretSource(table.client_certificate_key),
    algorithm: (text("signature_algorithm") as SignatureAlgorithm | undefined) ?? "rsa-sha1",
    appliesTo: text("applies_to") ?? "urn:amazon:webservices",
    kerberos: kerberosSettings(table, [endpoint.href]),
  };
}

async function acquire(settings: Settings, context: AcquireContext): Promise<Proof> {
  const { host } = context;
  const { endpoint, method } = settings;
  const who = `AD FS at ${printable(endpoint.origin, 200)}`;
  // Secrets first: without them no request is worth sending.
  const credential = await credentialOf(settings, context);
  if (method === "windowstransport") prepareNegotiate(settings.kerberos, context);
  const metadata = await readMetadataMeanwhile(settings, context);
  const messageId = uuid(host.crypto);
  const nowMs = host.clock.nowMs() + (host.http.skewMs() ?? 0);
  const body = requestSecurityToken({
    url: endpoint.href,
    appliesTo: settings.appliesTo,
    credential,
    messageId,
    nowMs,
  });
  const response = await send(body, settings, context);
  host.log.debug("idp", `${who}: ${method} answered HTTP ${response.status}`);

  const at: TokenServiceContext = {
    who,
    path: printable(endpoint.pathname, 200),
    method,
    username: settings.username,
    appliesTo: settings.appliesTo,
    skewMs: host.http.skewMs(),
  };
  const answer = readSoap(response, who);
  if (answer === undefined) throw tokenServiceForeign(response, at);
  if (answer.fault !== undefined) throw tokenServiceRefusal(withoutSecret(answer.fault, credential), at);
  if (response.status !== 200) throw tokenServiceForeign(response, at);
  return {
    kind: "saml",
    response: issuedResponse(answer, who, { messageId, responseId: samlId(host.crypto), nowMs }),
    name: `the SAML assertion of ${who}`,
    metadata: settings.verify ? await metadata() : undefined,
  };
}

async function credentialOf(settings: Settings, context: AcquireContext): Promise<Credential | undefined> {
  const { method, username, password, certificate, certificateKey } = settings;
  if (method === "usernamemixed" && username !== undefined && password !== undefined)
    return { kind: "password", username, password: await readSecret(password, "password", "one", context) };
  if (method === "certificatemixed" && certificate !== undefined && certificateKey !== undefined)
    return {
      kind: "certificate",
      certificate: readCertificate(certificate, context),
      key: await readSecret(certificateKey, "client_certificate_key", "many", context),
      algorithm: settings.algorithm,
    };
  return undefined;
}

function send(body: string, settings: Settings, context: AcquireContext): Promise<HttpResponse> {
  const { endpoint, caFile, method, kerberos } = settings;
  const request: HttpRequest = {
    method: "POST",
    url: endpoint.href,
    headers: {
      "content-type": `application/soap+xml; charset=utf-8; action="${ISSUE}"`,
      accept: "application/soap+xml",
    },
    body,
    maxBytes: MAX_BYTES,
    tls: caFile === undefined ? {} : { caFile: absolutePath(caFile, context.host) },
    signal: context.signal,
  };
  return method === "windowstransport"
    ? negotiatedRequest(request, kerberos, context)
    : context.host.http.request(request);
}

/** Nobody should quote a password back at us; if somebody does, it ends here. */
function withoutSecret<Fault extends { reason: string }>(fault: Fault, credential: Credential | undefined): Fault {
  if (credential?.kind !== "password") return fault;
  return { ...fault, reason: withoutSecrets(fault.reason, [credential.password]) };
}
