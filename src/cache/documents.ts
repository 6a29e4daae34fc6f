import { Secret } from "../core/secret.ts";
import { SYSTEM_BUNDLES } from "../core/system-bundles.ts";
import type { Host, TlsSettings } from "../host/host.ts";
import { existingCacheDirectory } from "./directory.ts";
import { keyBeside } from "./stores/file.ts";
import { removeFiles } from "./stores/private-files.ts";
import { sealedFiles } from "./stores/sealed-files.ts";

/**
 * A public document of an identity provider as it was fetched: where its endpoints are, with which certificates it signs. Whoever could
 * plant one would be sent the client's secret, so it is kept as entries are: below the user's own 0700 directory, sealed under the key
 * beside it and bound to its name, whatever store the credentials are in.
 */
export interface KeptDocument {
  readonly url: string;
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly fetchedAtMs: number;
  readonly freshUntilMs: number;
}

/** Raised when the meaning of a kept document changes: older ones become misses. */
const VERSION = 1;
const FOLDER = "documents";
/** Base64 and sealing add a third, and no file of a store is larger than 256 KiB. Federations' metadata is fetched each time. */
const MAX_BODY_BYTES = 160 * 1024;
const MAX_BUNDLE_BYTES = 8 * 1024 * 1024;

export interface Documents {
  /** One that is still good, by our clock; undefined for everything else that may be there. */
  read(key: string): Promise<KeptDocument | undefined>;
  /** Best effort. */
  write(key: string, document: KeptDocument): Promise<void>;
  remove(key: string): Promise<void>;
}

export function openDocuments(host: Host): Documents {
  const store = sealedFiles(host, FOLDER, FOLDER, keyBeside(host));
  return {
    async read(key) {
      const found = await store.read(key);
      const document = found.ok && found.value !== undefined ? decoded(found.value.reveal()) : undefined;
      if (document === undefined) return undefined;
      const nowMs = host.clock.nowMs();
      // A clock that was set back must not make it last longer.
      return document.fetchedAtMs <= nowMs && nowMs < document.freshUntilMs ? document : undefined;
    },
    async write(key, document) {
      if (document.body.length <= MAX_BODY_BYTES) await store.write(key, new Secret(encoded(document)));
    },
    async remove(key) {
      await store.remove(key);
    },
  };
}

/**
 * The name of a document: its exact URL, and whom we believed when we fetched it. Undefined where an authority cannot be read, which the
 * request will say.
 */
export function documentKey(
  { crypto, files, env }: Pick<Host, "crypto" | "files" | "env">,
  url: string,
  { caFile, certificate }: TlsSettings,
): string | undefined {
  const hashOf = (path: string | undefined): string | null => {
    const bytes = path === undefined || path === "" ? undefined : files.read(path, MAX_BUNDLE_BYTES);
    return bytes === undefined ? null : crypto.sha256Hex(bytes);
  };
  try {
    const authorities = env.SSL_CERT_FILE || SYSTEM_BUNDLES.find((path) => files.stat(path) !== undefined);
    const trust = [caFile ?? null, hashOf(caFile), authorities ?? null, hashOf(authorities)];
    const ourselves = certificate === undefined ? null : crypto.sha256Hex(certificate);
    return crypto.sha256Hex(JSON.stringify(["document", VERSION, url, ...trust, ourselves]));
  } catch {
    return undefined;
  }
}

/** Removes all of them. Throws nothing. */
export function forgetDocuments(host: Host): void {
  const directory = existingCacheDirectory(host);
  try {
    if (directory.ok) removeFiles(host, `${directory.path}/${FOLDER}`);
  } catch (error) {
    host.log.debug("documents", `not removed (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`);
  }
}

function encoded({ body, ...rest }: KeptDocument): string {
  return JSON.stringify({ ...rest, body: Buffer.from(body).toString("base64") });
}

function decoded(text: string): KeptDocument | undefined {
  try {
    const { url, contentType, body, fetchedAtMs, freshUntilMs } = JSON.parse(text) as Record<string, unknown>;
    if (typeof url !== "string" || typeof contentType !== "string" || typeof body !== "string") return undefined;
    if (!Number.isFinite(fetchedAtMs) || !Number.isFinite(freshUntilMs)) return undefined;
    return {
      url,
      contentType,
      body: Buffer.from(body, "base64"),
      fetchedAtMs: fetchedAtMs as number,
      freshUntilMs: freshUntilMs as number,
    };
  } catch {
    return undefined;
  }
}
