/**
 * Throw-away certificates for tests: a CA of its own per test file, made in memory, valid for a day around now. EC P-256, since an
 * RSA key costs a hundred times as much to generate. No openssl binary is asked for.
 */
import { createPublicKey, randomBytes, webcrypto } from "node:crypto";
import type { Extension } from "@peculiar/x509";
import { loadX509 } from "./load-x509.ts";

const EC_P256 = { name: "ECDSA", namedCurve: "P-256" } as const;
const ECDSA_SHA256 = { name: "ECDSA", hash: "SHA-256" } as const;
const RSA_SHA256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

/** A certificate and its private key, PEM both; the key is PKCS #8, so node:tls, openssl and curl all read it. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What a test authority may be asked to sign. `cert` is what a client has to trust. */
export interface CertificateAuthority extends Certificate {
  /** A server certificate for these DNS names, and always for localhost and 127.0.0.1. */
  issueServer(dnsNames?: readonly string[], validity?: Validity): Promise<Certificate>;
  /** A client certificate whose whole subject is `CN=<commonName>`. */
  issueClient(commonName: string, validity?: Validity): Promise<Certificate>;
}

/** Defaults to a day before and a day after now, so that tests which shift their clock by hours still find it valid. */
export interface Validity {
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

type KeyPair = webcrypto.CryptoKeyPair;

/** Makes a certificate authority that nobody else knows. */
export async function createCertificateAuthority(commonName = "Test CA"): Promise<CertificateAuthority> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  const caExtensions = [
    new x509.BasicConstraintsExtension(true, 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
  ];
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    keys,
    signingAlgorithm: ECDSA_SHA256,
    serialNumber: newSerial(),
    extensions: caExtensions,
    ...validityOf({}),
  });

  async function issue(subject: string, validity: Validity, extensions: Extension[]): Promise<Certificate> {
    const leaf = await generateKeys();
    const cert = await x509.X509CertificateGenerator.create({
      subject,
      issuer: ca.subject,
      publicKey: leaf.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ECDSA_SHA256,
      serialNumber: newSerial(),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.SubjectKeyIdentifierExtension.create(leaf.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ...extensions,
      ],
      ...validityOf(validity),
    });
    return { cert: pem(cert.toString("pem")), key: await privateKeyPem(leaf.privateKey) };
  }

  return {
    cert: pem(ca.toString("pem")),
    key: await privateKeyPem(keys.privateKey),
    issueServer: (dnsNames = [], validity = {}) =>
      issue(`CN=${dnsNames[0] ?? "localhost"}`, validity, [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          ...[...new Set([...dnsNames, "localhost"])].map((value) => ({ type: "dns" as const, value })),
          { type: "ip", value: "127.0.0.1" },
        ]),
      ]),
    issueClient: (name, validity = {}) =>
      issue(`CN=${name}`, validity, [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])]),
  };
}

/** A client certificate that vouches for itself, for `self_signed_tls_client_auth` (RFC 8705 §2.2). */
export async function createSelfSignedClient(commonName: string): Promise<Certificate> {
  const keys = await generateKeys();
  return { cert: await selfSign(keys, commonName, ECDSA_SHA256), key: await privateKeyPem(keys.privateKey) };
}

/** A certificate over an RSA key that exists already: Ceph's radosgw reads an issuer's keys only through `x5c`. */
export async function selfSignRsaKey(privateJwk: webcrypto.JsonWebKey, commonName: string): Promise<string> {
  const { n, e, kty } = privateJwk as { n: string; e: string; kty: string };
  const privateKey = await webcrypto.subtle.importKey("jwk", { ...bare(privateJwk) }, RSA_SHA256, true, ["sign"]);
  const publicKey = await webcrypto.subtle.importKey("jwk", { kty, n, e }, RSA_SHA256, true, ["verify"]);
  return selfSign({ privateKey, publicKey }, commonName, RSA_SHA256);
}

/** The base64 DER of a PEM certificate: one entry of a JWK's `x5c` (RFC 7517 §4.7). */
export function certificateToX5c(cert: string): string {
  return cert.replace(/-----[^-]+-----|\s/g, "");
}

/** The public JWK of a certificate, with the certificate in `x5c`. */
export function certificateToJwk(cert: string): Record<string, unknown> {
  return { ...createPublicKey(cert).export({ format: "jwk" }), use: "sig", x5c: [certificateToX5c(cert)] };
}

async function selfSign(
  keys: KeyPair,
  name: string,
  signingAlgorithm: { name: string; hash: string },
): Promise<string> {
  const x509 = await loadX509();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm,
    serialNumber: newSerial(),
    ...validityOf({}),
  });
  return pem(cert.toString("pem"));
}

async function generateKeys(): Promise<KeyPair> {
  return (await webcrypto.subtle.generateKey(EC_P256, true, ["sign", "verify"])) as KeyPair;
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/(.{64})(?=.)/g, "$1\n")}\n-----END PRIVATE KEY-----\n`;
}

function pem(text: string): string {
  return `${text.trim()}\n`;
}

function bare({ alg: _alg, use: _use, key_ops: _ops, ...rest }: webcrypto.JsonWebKey): webcrypto.JsonWebKey {
  return rest;
}

// The first bit stays clear: a serial number is a positive integer, and some verifiers insist.
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString("hex");
}

function validityOf({ notBeforeMs, notAfterMs }: Validity): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(notBeforeMs ?? Date.now() - DAY_MS),
    notAfter: new Date(notAfterMs ?? Date.now() + DAY_MS),
  };
}
