/** What a credential cache file says of its ticket-granting ticket. */
export interface TicketGrant {
  readonly realm: string;
  readonly endsAtMs: number;
}

/**
 * The ticket-granting tickets of a FILE cache (version 3 or 4), as klist shows them; tickets and keys are passed over. Empty where there is
 * none, or what is there is no such file.
 *
 * @see MIT Kerberos, "Credential cache file format"
 */
export function ticketGrants(bytes: Uint8Array): readonly TicketGrant[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const grants: TicketGrant[] = [];
  try {
    const version = all.readUInt16BE(0);
    if (version !== 0x0503 && version !== 0x0504) return [];
    const read = reader(all, version === 0x0504 ? 4 + all.readUInt16BE(2) : 2);
    principal(read);
    while (!read.isAtEnd()) {
      principal(read);
      const { realm, components } = principal(read);
      read.skip(version === 0x0503 ? 4 : 2);
      read.data();
      read.skip(8);
      const endsAtMs = read.number() * 1000;
      read.skip(4 + 1 + 4);
      for (let list = 0; list < 2; list++)
        for (let left = read.number(); left > 0; left--) {
          read.skip(2);
          read.data();
        }
      read.data();
      read.data();
      const [service, of] = components;
      if (service === "krbtgt" && of !== undefined && realm === of) grants.push({ realm, endsAtMs });
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return grants;
}

/** All of it throws RangeError past the end. */
interface Reader {
  isAtEnd(): boolean;
  number(): number;
  skip(length: number): void;
  data(): string;
}

function reader(all: Buffer, start: number): Reader {
  let at = start;
  const skip = (length: number): void => {
    if (at + length > all.length) throw new RangeError("too short");
    at += length;
  };
  const number = (): number => {
    skip(4);
    return all.readUInt32BE(at - 4);
  };
  return {
    isAtEnd: () => at >= all.length,
    skip,
    number,
    data() {
      const length = number();
      skip(length);
      return all.toString("utf8", at - length, at);
    },
  };
}

function principal(read: Reader): { realm: string; components: readonly string[] } {
  read.skip(4);
  const count = read.number();
  if (count > 16) throw new RangeError("not a principal");
  const realm = read.data();
  return { realm, components: Array.from({ length: count }, () => read.data()) };
}
