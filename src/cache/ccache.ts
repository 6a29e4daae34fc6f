import type { Host } from "../host/host.ts";

type Where = Pick<Host, "env" | "system" | "files">;

const MAX_BYTES = 1024 * 1024;

/**
 * Whose tickets a credential cache holds, as far as a file can tell without Kerberos: its name, and the default principal of a FILE cache.
 * Whoever runs kinit as somebody else is somebody else to AWS. Caches in the kernel or in a daemon are known by their name alone.
 *
 * @param stated the identity's own `ccache`
 * @see MIT Kerberos, "Credential cache file format"
 */
export function ccacheOwner(
  stated: string | undefined,
  host: Where,
): readonly [name: string, principal: string | null] {
  const name = stated ?? (host.env.KRB5CCNAME || `FILE:/tmp/krb5cc_${host.system.uid ?? 0}`);
  const path = name.startsWith("FILE:") ? name.slice(5) : name;
  return [name, path.startsWith("/") ? (defaultPrincipal(path, host) ?? null) : null];
}

function defaultPrincipal(path: string, host: Where): string | undefined {
  try {
    const bytes = host.files.read(path, MAX_BYTES);
    return bytes === undefined ? undefined : principalIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch {
    // Unreadable or not a cache: the renewal will say so.
    return undefined;
  }
}

/** @throws RangeError for what is too short to be a cache */
function principalIn(bytes: Buffer): string | undefined {
  const version = bytes.readUInt16BE(0);
  if (version !== 0x0503 && version !== 0x0504) return undefined;
  let at = version === 0x0504 ? 4 + bytes.readUInt16BE(2) : 2;
  const number = (): number => {
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > bytes.length) throw new RangeError("too short");
    at += length;
    return bytes.toString("utf8", at - length, at);
  };
  number(); // the kind of name
  const components = number();
  if (components > 16) return undefined;
  const realm = text();
  return `${Array.from({ length: components }, text).join("/")}@${realm}`;
}
