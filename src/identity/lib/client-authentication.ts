import { createHash, createPrivateKey, type KeyObject, webcrypto, X509Certificate } from "node:crypto";
import type { ClientAuth, PrivateKeyJwt } from "openid-client";
import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import type { Secret } from "../../core/secret.ts";

type OpenidClient = typeof import("openid-client");

/** How a client proves itself at the token endpoint, under the names of RFC 7591 §2 and RFC 8705 §2. */
export const METHODS = [
  "client_secret_basic",
  "client_secret_post",
  "client_secret_jwt",
  "private_key_jwt",
  "tls_client_auth",
  "self_signed_tls_client_auth",
] as const;
export type Method = (typeof METHODS)[number];

export const KEY_ALGORITHMS = ["RS256", "PS256", "ES256"] as const;
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number];

export interface Credentials {
  readonly secret?: Secret | undefined;
  readonly privateKey?: Secret | undefined;
  readonly keyId?: string | undefined;
  readonly algorithm?: KeyAlgorithm | undefined;
  /** `aud` of a client assertion, undefined: the issuer. One value only (RFC 7523bis). */
  readonly assertionAudience?: string | undefined;
  /** PEM; with private_key_jwt it is named in the assertion's header, as Entra ID wants it. */
  readonly certificate?: string | undefined;
}

export async function clientAuthentication(
  client: OpenidClient,
  method: Method,
  credentials: Credentials,
): Promise<ClientAuth> {
  const secret = (): string => credentials.secret?.reveal() ?? "";
  switch (method) {
    case "client_secret_basic":
      return clientSecretBasic(secret());
    case "client_secret_post":
      return client.ClientSecretPost(secret());
    case "client_secret_jwt":
      return client.ClientSecretJwt(secret(), assertionOptions(client, credentials));
    case "private_key_jwt": {
      const { key, kid } = await signingKey(credentials);
      return client.PrivateKeyJwt(
        { key, ...(kid === undefined ? {} : { kid }) },
        assertionOptions(client, credentials),
      );
    }
    case "tls_client_auth":
    case "self_signed_tls_client_auth":
      return client.TlsClientAuth();
  }
}

/**
 * The library's own encodes "-", "_" and "." as well, which a provider that compares without decoding (LemonLDAP::NG) never accepts.
 *
 * @see RFC 6749 §2.3.1, appendix B
 */
function clientSecretBasic(secret: string): ClientAuth {
  const encoded = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1);
  return (_server, { client_id: clientId }, _body, headers) =>
    headers.set("authorization", `Basic ${btoa(`${encoded(clientId)}:${encoded(secret)}`)}`);
}

function assertionOptions(
  client: OpenidClient,
  { assertionAudience, certificate }: Credentials,
): Parameters<typeof PrivateKeyJwt>[1] {
  return {
    [client.modifyAssertion](header: Record<string, unknown>, payload: Record<string, unknown>) {
      if (assertionAudience !== undefined) payload.aud = assertionAudience;
      if (certificate !== undefined) {
        const der = new X509Certificate(certificate).raw;
        header.x5t = createHash("sha1").update(der).digest("base64url");
        header["x5t#S256"] = createHash("sha256").update(der).digest("base64url");
      }
    },
  };
}

const IMPORT: Record<KeyAlgorithm, webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams> = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
};

/** @throws SECRET_UNAVAILABLE when the key cannot be used; never quoting it */
async function signingKey({
  privateKey,
  keyId,
  algorithm,
}: Credentials): Promise<{ key: webcrypto.CryptoKey; kid: string | undefined }> {
  const { object, kid } = readKey(privateKey?.reveal() ?? "");
  const fits =
    object.asymmetricKeyType === "ec" ? ["ES256"] : object.asymmetricKeyType === "rsa" ? ["RS256", "PS256"] : [];
  const chosen = algorithm ?? (fits[0] as KeyAlgorithm | undefined);
  if (chosen === undefined || !fits.includes(chosen)) {
    const has = printable(object.asymmetricKeyType, 40);
    throw unusable(
      algorithm === undefined ? `is of the type ${has}` : `is of the type ${has}, which does not sign ${algorithm}`,
      "use an RSA key (RS256, PS256) or a P-256 key (ES256)",
    );
  }
  if (chosen === "ES256" && object.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw unusable(`is on the curve ${printable(object.asymmetricKeyDetails?.namedCurve, 40)}`, "ES256 needs P-256");
  }
  const pkcs8 = object.export({ type: "pkcs8", format: "der" });
  return { key: await webcrypto.subtle.importKey("pkcs8", pkcs8, IMPORT[chosen], false, ["sign"]), kid: keyId ?? kid };
}

function readKey(text: string): { object: KeyObject; kid?: string } {
  try {
    if (!text.trimStart().startsWith("{")) return { object: createPrivateKey(text) };
    const jwk = JSON.parse(text) as webcrypto.JsonWebKey & { kid?: unknown };
    const object = createPrivateKey({ key: jwk as never, format: "jwk" });
    return typeof jwk.kid === "string" ? { object, kid: jwk.kid } : { object };
  } catch {
    // The cause could quote the key.
    const locked = text.includes("ENCRYPTED");
    throw unusable(
      locked ? "is encrypted" : "is neither a private key in PEM nor a private JWK",
      locked ? "openssl pkey -in KEY -out KEY.plain, kept 0600" : undefined,
    );
  }
}

function unusable(detail: string, hint?: string): BrokerError {
  return new BrokerError("SECRET_UNAVAILABLE", `private_key ${detail}`, { hint });
}
