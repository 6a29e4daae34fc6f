import { parseJwt } from "../../src/assertion/jwt.ts";
import type { Secret } from "../../src/core/secret.ts";
import type { TomlTable } from "../../src/core/types.ts";
import type { Host } from "../../src/host/host.ts";
import { identitySource } from "../../src/identity/registry.ts";
import type { OidcProof } from "../../src/identity/source.ts";

/** What the broker does with an identity table that was found good. */
export async function acquire(
  host: Host,
  { type, ...table }: TomlTable,
  signal = new AbortController().signal,
): Promise<OidcProof> {
  const source = identitySource(String(type));
  if (source === undefined) throw new Error(`no source ${type}`);
  const proof = await source.acquire(source.parse(table), { host, signal });
  if (proof.kind !== "oidc") throw new Error(`${type} does not bring a token`);
  return proof;
}

export function claims(token: Secret): Readonly<Record<string, unknown>> {
  return parseJwt(token, "the token").claims;
}
