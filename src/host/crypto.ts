import type { Crypto } from "./host.ts";

const IV_BYTES = 12;
const TAG_BYTES = 16;

// Loaded on first use: opening node:crypto costs about 2 ms, and not every command needs it.
const nodeCrypto = (): typeof import("node:crypto") => process.getBuiltinModule("node:crypto");

export const crypto: Crypto = {
  // In one call: a stream for it would cost more than the hash.
  sha256Hex: (data) => nodeCrypto().hash("sha256", data, "hex"),
  randomBytes: (length) => nodeCrypto().randomBytes(length),
  async seal(key, plaintext, additionalData) {
    const iv = nodeCrypto().randomBytes(IV_BYTES);
    const cipher = nodeCrypto().createCipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(additionalData));
    return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  },
  async open(key, sealed, additionalData) {
    if (sealed.length < IV_BYTES + TAG_BYTES || key.length !== 32) return undefined;
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
    const decipher = nodeCrypto().createDecipheriv("aes-256-gcm", key, bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(additionalData));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    try {
      const head = decipher.update(bytes.subarray(IV_BYTES, bytes.length - TAG_BYTES));
      return Buffer.concat([head, decipher.final()]);
    } catch {
      return undefined;
    }
  },
};
