/**
 * Entries of the file store, opened and sealed again: the key lies beside them, so a test can age an entry instead of sleeping, or
 * write what an older, a newer or a broken version would have left.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** What an entry says, as far as tests look at it. */
export interface CachedEntry {
  readonly version: number;
  readonly kind: "credentials" | "token";
  readonly mintedAtMs: number;
  readonly expiresAtMs: number;
  readonly value: Readonly<Record<string, string | number>>;
}

/** The only entry's file, or the only one of its kind. */
export function entryFile(cacheDirectory: string, kind?: CachedEntry["kind"]): string {
  const files = entryFiles(cacheDirectory).filter((file) => kind === undefined || openEntry(file).kind === kind);
  if (files.length !== 1) throw new Error(`${files.length} cache entries where there should be one`);
  return files[0] ?? "";
}

/** Every entry, temporary files left out. */
export function entryFiles(cacheDirectory: string): string[] {
  const directory = path.join(cacheDirectory, "entries");
  return readdirSync(directory)
    .filter((name) => !name.endsWith(".tmp"))
    .map((name) => path.join(directory, name));
}

/** Throws when the entry is torn: the seal does not open, or what is inside is not JSON. */
export function openEntry(file: string): CachedEntry {
  const sealed = readFileSync(file);
  const decipher = createDecipheriv("aes-256-gcm", sealingKey(file), sealed.subarray(0, IV_BYTES));
  decipher.setAAD(Buffer.from(path.basename(file)));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const plain = Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
  return JSON.parse(plain.toString());
}

/** Replaces an entry by any text, sealed as the program seals it. */
export function sealText(file: string, text: string): void {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", sealingKey(file), iv);
  cipher.setAAD(Buffer.from(path.basename(file)));
  writeFileSync(file, Buffer.concat([iv, cipher.update(text), cipher.final(), cipher.getAuthTag()]));
}

/** Makes an entry of a session of `lifetimeMs` (default one hour) that ends `leftMs` from now, or ended then. */
export function ageEntry(file: string, leftMs: number, lifetimeMs = 3_600_000): CachedEntry {
  const entry = openEntry(file);
  const expiresAtMs = Date.now() + leftMs;
  const aged = { ...entry, expiresAtMs, mintedAtMs: expiresAtMs - lifetimeMs, value: { ...entry.value, expiresAtMs } };
  sealText(file, JSON.stringify(aged));
  return aged;
}

function sealingKey(file: string): Buffer {
  return readFileSync(path.join(path.dirname(path.dirname(file)), "sealing-key"));
}
