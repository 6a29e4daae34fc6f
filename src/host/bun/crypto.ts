import type { Crypto } from "../host.ts";

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Opening node:crypto costs Bun 2 ms; its own hash and Web Crypto are there already. The results are the same. */
export const crypto: Crypto = {
  sha256Hex: (data) => new Bun.CryptoHasher("sha256").update(data).digest("hex"),
  randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
  async seal(key, plaintext, additionalData) {
    const iv = globalThis.crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const sealed = await globalThis.crypto.subtle.encrypt(
      parameters(iv, additionalData),
      await aesKey(key, "encrypt"),
      plaintext as BufferSource,
    );
    return Buffer.concat([iv, new Uint8Array(sealed)]);
  },
  async open(key, sealed, additionalData) {
    if (sealed.length < IV_BYTES + TAG_BYTES || key.length !== 32) return undefined;
    const algorithm = parameters(sealed.subarray(0, IV_BYTES), additionalData);
    const decryptingKey = await aesKey(key, "decrypt");
    try {
      const rest = sealed.subarray(IV_BYTES) as BufferSource;
      return new Uint8Array(await globalThis.crypto.subtle.decrypt(algorithm, decryptingKey, rest));
    } catch {
      return undefined;
    }
  },
};

function aesKey(key: Uint8Array, use: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return globalThis.crypto.subtle.importKey("raw", key as BufferSource, "AES-GCM", false, [use]);
}

function parameters(iv: Uint8Array, additionalData: string): AesGcmParams {
  return {
    name: "AES-GCM",
    iv: iv as BufferSource,
    additionalData: Buffer.from(additionalData),
    tagLength: TAG_BYTES * 8,
  };
}
