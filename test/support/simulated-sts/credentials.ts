/** Mints temporary credentials and remembers them, so that a signature made with them can be verified. */
import { randomBytes, randomInt } from "node:crypto";

const KEY_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
// Real session tokens begin with a readable marker (base64 of a protobuf header), so do these.
const TOKEN_PREFIX = "IQoJb3JpZ2luX2Vj";

/** Credentials of a role session, as minted. */
export interface MintedCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresAtMs: number;
  readonly roleArn: string;
  readonly assumedRoleArn: string;
  /** `AROA…:session`. */
  readonly assumedRoleId: string;
  readonly account: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
}

export type SessionDescription = Omit<MintedCredentials, "accessKeyId" | "secretAccessKey" | "sessionToken">;

export interface CredentialBook {
  mint(session: SessionDescription): MintedCredentials;
  find(accessKeyId: string): MintedCredentials | undefined;
  /** In the order in which they were minted. */
  readonly minted: readonly MintedCredentials[];
}

/** An empty book; `tokenLength` is the length of session tokens in characters, rounded up to a multiple of four. */
export function createCredentialBook(tokenLength: number): CredentialBook {
  const minted: MintedCredentials[] = [];
  return {
    minted,
    find: (accessKeyId) => minted.find((entry) => entry.accessKeyId === accessKeyId),
    mint: (session) => {
      const credentials: MintedCredentials = {
        ...session,
        accessKeyId: `ASIA${pick(KEY_ID_ALPHABET, 16)}`,
        secretAccessKey: pick(SECRET_ALPHABET, 40),
        sessionToken: newSessionToken(tokenLength),
      };
      minted.push(credentials);
      return credentials;
    },
  };
}

// Every token holds the three characters that break careless URL, shell and INI quoting: + / and =.
function newSessionToken(length: number): string {
  const quanta = Math.max(3, Math.ceil((length - TOKEN_PREFIX.length) / 4));
  const random = randomBytes((quanta - 2) * 3).toString("base64");
  return `${TOKEN_PREFIX}+/+/${random}${randomBytes(1).toString("base64")}`;
}

function pick(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}
