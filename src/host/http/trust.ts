import { X509Certificate } from "node:crypto";
import fs from "node:fs";
import tls from "node:tls";
import { BrokerError } from "../../core/errors.ts";
import { SYSTEM_BUNDLES } from "../../core/system-bundles.ts";
import type { TlsSettings } from "../host.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Authorities in PEM; undefined means the runtime's own, where the system has no bundle file (Windows). */
function systemAuthorities(): string | undefined {
  for (const file of SYSTEM_BUNDLES) {
    try {
      return fs.readFileSync(file, "utf8");
    } catch {
      // The next distribution's place.
    }
  }
  // Node 22.15 and later read the operating system's store.
  const fromStore = (tls as { getCACertificates?: (kind: string) => string[] }).getCACertificates?.("system");
  return fromStore === undefined || fromStore.length === 0 ? undefined : fromStore.join("\n");
}

function bundle(file: string, setting: string): string {
  let pem: string;
  try {
    pem = fs.readFileSync(file, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new BrokerError("CONFIG_INVALID", `${setting} ${file} cannot be read (${code})`, { cause });
  }
  try {
    // OpenSSL passes over what it cannot read, and the handshake would then blame the server. The first one tells a wrong file.
    new X509Certificate(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]*/.exec(pem)?.[0] ?? "");
  } catch (cause) {
    throw new BrokerError("CONFIG_INVALID", `${setting} ${file} holds no PEM certificate`, { cause });
  }
  return pem;
}

function stated(env: Env, name: string): string | undefined {
  const file = env[name];
  return file === undefined || file === "" ? undefined : bundle(file, name);
}

/**
 * Whom we believe: AWS_CA_BUNDLE for AWS alone, else SSL_CERT_FILE, else the system's bundle; an identity's `ca_file` adds to it.
 * Parsing a whole bundle costs tens of milliseconds, so one context serves every request with the same settings.
 */
export function secureContexts(env: Env): (settings: TlsSettings) => tls.SecureContext {
  const made = new Map<string, tls.SecureContext>();
  return ({ peer = "idp", caFile, certificate, key }) => {
    const awsBundle = peer === "aws" ? env.AWS_CA_BUNDLE : undefined;
    const id = JSON.stringify([awsBundle || null, caFile, certificate]);
    const known = made.get(id);
    if (known !== undefined) return known;
    const base =
      (peer === "aws" ? stated(env, "AWS_CA_BUNDLE") : undefined) ??
      stated(env, "SSL_CERT_FILE") ??
      systemAuthorities();
    const added = caFile === undefined ? [] : [bundle(caFile, "ca_file")];
    const ca =
      base === undefined ? (added.length === 0 ? undefined : [...tls.rootCertificates, ...added]) : [base, ...added];
    const context = makeContext({
      minVersion: "TLSv1.2",
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key: key.reveal() }),
    });
    made.set(id, context);
    return context;
  };
}

function makeContext(options: tls.SecureContextOptions): tls.SecureContext {
  try {
    return tls.createSecureContext(options);
  } catch (error) {
    // OpenSSL's text names the routine, never the key.
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    const what =
      options.cert === undefined
        ? "the certificate authorities cannot be used"
        : "the client certificate and its key cannot be used";
    throw new BrokerError("CONFIG_INVALID", `${what} (${code})`, {
      hint: "check that the files are PEM and that the key belongs to the certificate",
    });
  }
}

/** Who signed the certificate that the other side shows, by its own words: a name to look for, and no proof of anything. */
export function issuerOf(socket: object): string | undefined {
  if (!(socket instanceof tls.TLSSocket)) return undefined;
  // An empty object where there is none, whatever the types say.
  const issuer: Partial<tls.Certificate> | undefined = socket.getPeerCertificate()?.issuer;
  const [name] = [issuer?.CN ?? issuer?.O].flat();
  return name === undefined || name === "" ? undefined : name;
}
