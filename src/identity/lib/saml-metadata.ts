import { BrokerError } from "../../core/errors.ts";
import { isLoopbackUrl } from "../../core/loopback.ts";
import { printable } from "../../core/printable.ts";
import { SettingError, type SettingsSpec } from "../../core/settings.ts";
import type { TomlTable } from "../../core/types.ts";
import type { AcquireContext } from "../source.ts";
import { absolutePath } from "./path.ts";

/** Federations publish thousands of providers in one file; a provider's own document is a few kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** Spread into the settings of every source that brings a SAML response. */
export const METADATA_SETTINGS = {
  metadata: {
    type: "string",
    summary: "the IdP's SAML metadata: a path (absolute or ~/…) or an https URL",
  },
  verify: {
    type: "boolean",
    summary:
      "check the response against the metadata before AWS sees it: signature, issuer, audience, recipient, times",
    defaultText: "true where metadata is configured",
  },
  ca_file: { type: "path", summary: "PEM file of further authorities to trust for this provider" },
} as const satisfies SettingsSpec;

export interface MetadataSettings {
  /** A path or a URL, as configured. */
  readonly metadata: string | undefined;
  readonly verify: boolean;
  readonly caFile: string | undefined;
}

/** @throws SettingError naming the key */
export function metadataSettings(table: TomlTable): MetadataSettings {
  const metadata = table.metadata as string | undefined;
  if (metadata !== undefined && !isPath(metadata) && !isUrl(metadata)) {
    throw new SettingError(
      "metadata",
      `metadata "${printable(metadata, 120)}" is neither an absolute path nor an https URL`,
      'metadata = "/etc/sts-broker/idp-metadata.xml", for example',
    );
  }
  if (table.verify === true && metadata === undefined)
    throw new SettingError("verify", "verify needs metadata: the certificates to check with stand in it");
  return { metadata, verify: table.verify !== false, caFile: table.ca_file as string | undefined };
}

/** The metadata as text, not looked into. Undefined when none is configured. @throws BrokerError */
export async function readMetadata(settings: MetadataSettings, context: AcquireContext): Promise<string | undefined> {
  const { metadata, caFile } = settings;
  if (metadata === undefined) return undefined;
  const xml = isUrl(metadata) ? await fetched(metadata, caFile, context) : fromFile(metadata, context);
  // Before any parser sees it: entities have no business in metadata.
  if (/<!DOCTYPE|<!ENTITY/i.test(xml)) throw unusable(metadata, "holds a DOCTYPE, which is refused");
  return xml;
}

/**
 * The metadata where nothing but the check of the response needs it: it is fetched while the login goes on, and what is wrong with it is
 * told when it is asked for. A file is read at once. Where nothing is checked it is fetched for who asks for it: what nobody judges would
 * be kept all the same.
 *
 * @throws BrokerError for a file that cannot be used
 */
export async function readMetadataMeanwhile(
  settings: MetadataSettings,
  context: AcquireContext,
): Promise<() => Promise<string | undefined>> {
  const isFetched = settings.metadata !== undefined && isUrl(settings.metadata);
  if (isFetched && !settings.verify) return () => readMetadata(settings, context);
  const reading = readMetadata(settings, context);
  if (!isFetched) await reading;
  reading.catch(() => {});
  return () => reading;
}

function fromFile(path: string, { host }: AcquireContext): string {
  const file = absolutePath(path, host);
  try {
    const bytes = host.files.read(file, MAX_BYTES);
    if (bytes !== undefined) return new TextDecoder().decode(bytes);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new BrokerError("CONFIG_INVALID", `metadata ${printable(file)} cannot be read (${code})`, { cause });
  }
  throw new BrokerError("CONFIG_INVALID", `metadata ${printable(file)} does not exist`);
}

async function fetched(url: string, caFile: string | undefined, { host, signal }: AcquireContext): Promise<string> {
  const { status, headers, body } = await host.http.request({
    method: "GET",
    url,
    headers: { accept: "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.8" },
    maxBytes: MAX_BYTES,
    keepable: true,
    tls: caFile === undefined ? {} : { caFile: absolutePath(caFile, host) },
    signal,
  });
  if (status === 200) return new TextDecoder().decode(body);
  const to = headers.location === undefined ? "" : ` to ${printable(headers.location, 120)}, which is not followed`;
  throw new BrokerError(
    status >= 500 ? "UNREACHABLE" : "IDP_INVALID_ANSWER",
    `no metadata at ${printable(url, 200)} (HTTP ${status}${to})`,
    { hint: "check metadata, or save the document into a file and name that" },
  );
}

/** Metadata that says nothing of use. */
export function unusable(metadata: string, line: string, hint?: string): BrokerError {
  return new BrokerError("CONFIG_INVALID", `metadata ${printable(metadata, 200)} ${line}`, { hint });
}

function isPath(text: string): boolean {
  return /^(\/|~\/|[a-z]:[\\/])/i.test(text);
}

function isUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopbackUrl(url));
}
