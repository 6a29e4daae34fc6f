/** A key of a keytab, without the key. */
export interface KeytabEntry {
  /** HOST$@CORP.EXAMPLE */
  readonly principal: string;
  /** Key version number, as the KDC counts them. */
  readonly version: number;
  /** As in "aes256-cts-hmac-sha1-96". */
  readonly encryption: string;
}

const ENCRYPTIONS: Readonly<Record<number, string>> = {
  16: "des3-cbc-sha1",
  17: "aes128-cts-hmac-sha1-96",
  18: "aes256-cts-hmac-sha1-96",
  19: "aes128-cts-hmac-sha256-128",
  20: "aes256-cts-hmac-sha384-192",
  23: "arcfour-hmac",
};

/**
 * Whose keys a keytab holds. Undefined for what is no keytab of version 2, which everybody writes today. The keys are passed over.
 *
 * @see MIT Kerberos, "Keytab file format"
 */
export function readKeytab(bytes: Uint8Array): readonly KeytabEntry[] | undefined {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (all.length < 2 || all.readUInt16BE(0) !== 0x0502) return undefined;
  const entries: KeytabEntry[] = [];
  try {
    for (let at = 2; at + 4 <= all.length; ) {
      const size = all.readInt32BE(at);
      at += 4;
      // A negative size is a hole that an entry left.
      if (size > 0) entries.push(entryIn(all.subarray(at, at + size)));
      if (size === 0) break;
      at += Math.abs(size);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
  return entries;
}

/** @throws RangeError for what is too short */
function entryIn(entry: Buffer): KeytabEntry {
  let at = 0;
  const number = (length: 1 | 2 | 4): number => {
    at += length;
    return entry.readUIntBE(at - length, length);
  };
  const skip = (length: number): string => {
    if (at + length > entry.length) throw new RangeError("too short");
    at += length;
    return entry.toString("utf8", at - length, at);
  };
  const components = number(2);
  const realm = skip(number(2));
  const name = Array.from({ length: components }, () => skip(number(2))).join("/");
  skip(8); // kind of name, time
  const short = number(1);
  const encryption = number(2);
  skip(number(2));
  const version = at + 4 <= entry.length ? number(4) || short : short;
  return { principal: `${name}@${realm}`, version, encryption: ENCRYPTIONS[encryption] ?? `encryption ${encryption}` };
}
