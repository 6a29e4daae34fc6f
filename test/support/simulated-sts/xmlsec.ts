/**
 * XML signatures, verified by xmlsec1: another implementation than anything the program under test uses. What is given back are the
 * bytes that were digested, so nobody reads an element that the signature does not cover (signature wrapping).
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const XMLSEC = "/usr/bin/xmlsec1";

export interface VerifyOptions {
  /** PEM; a signature by any of them is good. KeyInfo is ignored. */
  readonly certificates: readonly string[];
  /** XPath of the Signature element. */
  readonly signature: string;
  /** Which attributes are IDs: `{ Assertion: ["urn:…", "ID"] }` by element name. */
  readonly ids: Readonly<Record<string, readonly [namespace: string, attribute: string]>>;
  /** Default /usr/bin/xmlsec1. */
  readonly program?: string;
}

/** The canonical form of each signed element, in order of the references; "no-signature" or "invalid" otherwise. */
export async function verifySignature(
  xml: string,
  { certificates, signature, ids, program = XMLSEC }: VerifyOptions,
): Promise<readonly string[] | "no-signature" | "invalid"> {
  const directory = await mkdtemp(join(tmpdir(), "simulated-sts-"));
  try {
    const document = join(directory, "document.xml");
    await writeFile(document, xml);
    for (const [index, certificate] of certificates.entries()) {
      const pem = join(directory, `certificate-${index}.pem`);
      await writeFile(pem, certificate);
      const { status, stdout, stderr } = await xmlsec1(program, [
        "--verify",
        "--store-references",
        "--print-debug",
        "--enabled-reference-uris",
        "same-doc",
        // Only names of keys: a certificate or key that the document brings along is not looked at.
        "--enabled-key-data",
        "key-name",
        "--pubkey-cert-pem",
        pem,
        ...Object.entries(ids).flatMap(([name, [namespace, attribute]]) => [
          `--id-attr:${attribute}`,
          `${namespace}:${name}`,
        ]),
        "--node-xpath",
        signature,
        document,
      ]);
      if (status === 0) return digestedBytes(stdout);
      if (/xpath expression evaluation does not return a single node/i.test(stderr)) return "no-signature";
    }
    return "invalid";
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The document with what was encrypted in the clear; undefined where the key is the wrong one. */
export async function decrypt(xml: string, privateKeyPem: string): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), "simulated-sts-"));
  try {
    const [document, key] = [join(directory, "document.xml"), join(directory, "key.pem")];
    await writeFile(document, xml);
    await writeFile(key, privateKeyPem);
    const { status, stdout } = await xmlsec1(XMLSEC, ["--decrypt", "--privkey-pem", key, document]);
    return status === 0 ? stdout : undefined;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function digestedBytes(debug: string): string[] {
  return [...debug.matchAll(/== PreDigest data - start buffer:\n([\s\S]*?)\n?== PreDigest data - end buffer/g)].map(
    ([, bytes = ""]) => bytes,
  );
}

function xmlsec1(
  program: string,
  args: readonly string[],
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", (error: NodeJS.ErrnoException) => {
      const missing = `the simulated STS verifies SAML with xmlsec1, and ${program} is not there: apt-get install xmlsec1`;
      reject(error.code === "ENOENT" ? new Error(missing) : error);
    });
    child.on("close", (status) => {
      resolve({ status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
  });
}
