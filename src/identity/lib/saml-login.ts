import { isLoopbackUrl } from "../../core/loopback.ts";
import { printable } from "../../core/printable.ts";
import { SettingError, type SettingsSpec } from "../../core/settings.ts";
import type { TomlTable } from "../../core/types.ts";
import type { HttpRequest, HttpResponse } from "../../host/host.ts";
import type { AcquireContext, Proof } from "../source.ts";
import type { Arrival, Browser, BrowserSettings } from "./browser.ts";
import { absolutePath } from "./path.ts";
import { METADATA_SETTINGS, type MetadataSettings, metadataSettings, readMetadataMeanwhile } from "./saml-metadata.ts";

/** Spread into the settings of the sources that walk through an IdP's pages. */
export const SAML_LOGIN_SETTINGS = {
  url: {
    type: "url",
    summary:
      "the IdP's own sign-on page for AWS (IdP-initiated); without it, metadata says where to send AWS's request",
  },
  ...METADATA_SETTINGS,
  origins: {
    type: "strings",
    summary: 'further origins that belong to the IdP, as in "https://login.corp.example"; its pages go nowhere else',
  },
  acs_url: {
    type: "url",
    summary: "assertion consumer service of AWS; it is never contacted",
    defaultText: "AWS's sign-in endpoints of all partitions and regions",
  },
} as const satisfies SettingsSpec;

export interface SamlLoginSettings extends MetadataSettings {
  readonly url: string | undefined;
  readonly origins: readonly string[];
  readonly acsUrl: string | undefined;
  readonly userAgent: string;
}

/** @throws SettingError naming the key */
export function samlLoginSettings(table: TomlTable, defaultUserAgent: string): SamlLoginSettings {
  const metadata = metadataSettings(table);
  const url = table.url as string | undefined;
  if (url === undefined && metadata.metadata === undefined) {
    throw new SettingError(
      "type",
      "nothing says where the IdP is: there is neither url nor metadata",
      'url = "https://idp.corp.example/…" (its sign-on page for AWS), or metadata = "/path/to/idp-metadata.xml"',
    );
  }
  return {
    ...metadata,
    url,
    origins: ((table.origins as readonly string[] | undefined) ?? []).map(originOf),
    acsUrl: table.acs_url as string | undefined,
    userAgent: (table.user_agent as string | undefined) ?? defaultUserAgent,
  };
}

function originOf(text: string): string {
  const wrong = (why: string): SettingError =>
    new SettingError(
      "origins",
      `origins: "${printable(text, 120)}" ${why}`,
      'origins = ["https://login.corp.example"]',
    );
  if (!URL.canParse(text)) throw wrong("is not an origin");
  const url = new URL(text);
  const { protocol, origin, pathname, search, hash, username } = url;
  if (pathname !== "/" || search !== "" || hash !== "" || username !== "") throw wrong("is more than an origin");
  if (protocol !== "https:" && !(protocol === "http:" && isLoopbackUrl(url)))
    throw wrong("does not start with https://");
  return origin;
}

/** A login about to begin. */
export interface SamlLogin {
  /** What errors call the IdP: the origin of its first page. */
  readonly idp: string;
  /** The page that the login begins at. */
  readonly startUrl: URL;
  readonly browser: Browser;
  begin(): Promise<Arrival>;
  /** @throws BrokerError for metadata to check it with that cannot be had */
  proof(arrival: Extract<Arrival, { kind: "assertion" }>): Promise<Proof>;
}

/**
 * Where the login begins, and a browser for it.
 *
 * @param sender makes what sends the requests once the first URL is known; default: plain requests
 * @throws BrokerError CONFIG_INVALID for metadata that cannot be used
 */
export async function beginSamlLogin(
  settings: SamlLoginSettings,
  context: AcquireContext,
  sender?: (startUrl: URL) => (request: HttpRequest) => Promise<HttpResponse>,
): Promise<SamlLogin> {
  const { host, signal } = context;
  const { url, acsUrl, caFile } = settings;
  let start = url;
  let issuer: string | undefined;
  const metadataOf = await readMetadataMeanwhile(settings, context);
  const metadata = start === undefined ? await metadataOf() : undefined;
  if (start === undefined && metadata !== undefined) {
    const { authnRequest } = await import("./saml-request.ts");
    const id = `_${Buffer.from(host.crypto.randomBytes(16)).toString("hex")}`;
    const nowMs = host.clock.nowMs() + (host.http.skewMs() ?? 0);
    const request = authnRequest(metadata, { source: settings.metadata ?? "", acsUrl, id, nowMs });
    start = request.url;
    issuer = request.issuer;
    host.log.debug("saml", `AuthnRequest ${id} for ${printable(issuer, 200)}`);
  }
  const startUrl = new URL(start ?? "");
  const idp = printable(startUrl.origin, 120);
  const { openBrowser } = await import("./browser.ts");
  const browserSettings: BrowserSettings = {
    idp,
    origins: new Set([startUrl.origin, ...settings.origins]),
    acsUrl,
    userAgent: settings.userAgent,
    tls: caFile === undefined ? {} : { caFile: absolutePath(caFile, host) },
    send: sender?.(startUrl) ?? ((request) => host.http.request(request)),
    signal,
    log: host.log,
  };
  const browser = openBrowser(browserSettings);
  return {
    idp,
    startUrl,
    browser,
    begin: () => browser.open(startUrl.href),
    async proof({ response }) {
      const checkedWith = settings.verify ? await metadataOf() : undefined;
      return {
        kind: "saml",
        response,
        name: `the SAML response of ${printable(issuer ?? idp, 200)}`,
        ...(checkedWith === undefined ? {} : { metadata: checkedWith }),
      };
    },
  };
}
