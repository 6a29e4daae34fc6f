import { describe, expect, it } from "vitest";
import { readKeytab } from "../../src/doctor/keytab.ts";
import { readKrb5Conf } from "../../src/doctor/krb5-conf.ts";
import { ticketGrants } from "../../src/doctor/ticket-cache.ts";
import { fakeHost } from "../support/fake-host.ts";

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
const short = (text: string): Buffer => Buffer.concat([u16(text.length), Buffer.from(text)]);
const long = (text: string): Buffer => Buffer.concat([u32(text.length), Buffer.from(text)]);

/** One entry of a keytab, as ktadd writes it. */
function keytabEntry(name: string, realm: string, encryption: number, version: number): Buffer {
  const parts = name.split("/");
  const entry = Buffer.concat([
    u16(parts.length),
    short(realm),
    ...parts.map(short),
    u32(1),
    u32(0),
    Buffer.from([version & 255]),
    u16(encryption),
    short("k".repeat(32)),
    u32(version),
  ]);
  return Buffer.concat([u32(entry.length), entry]);
}

const HEADER = Buffer.from([5, 2]);

describe("a keytab", () => {
  it("names its principals, key versions and encryption types, and no key", () => {
    const hole = Buffer.concat([u32(-8), Buffer.alloc(8)]);
    const bytes = Buffer.concat([
      HEADER,
      keytabEntry("HOST$", "CORP.EXAMPLE", 18, 300),
      hole,
      keytabEntry("HTTP/web1.corp.example", "CORP.EXAMPLE", 23, 2),
    ]);
    expect(readKeytab(bytes)).toEqual([
      { principal: "HOST$@CORP.EXAMPLE", version: 300, encryption: "aes256-cts-hmac-sha1-96" },
      { principal: "HTTP/web1.corp.example@CORP.EXAMPLE", version: 2, encryption: "arcfour-hmac" },
    ]);
    expect(JSON.stringify(readKeytab(bytes))).not.toContain("kkk");
  });

  it("is nothing that is cut off, empty or something else", () => {
    const whole = Buffer.concat([HEADER, keytabEntry("HOST$", "CORP.EXAMPLE", 18, 3)]);
    expect(readKeytab(whole.subarray(0, 20))).toBeUndefined();
    expect(readKeytab(Buffer.alloc(0))).toBeUndefined();
    expect(readKeytab(Buffer.from("-----BEGIN CERTIFICATE-----"))).toBeUndefined();
    expect(readKeytab(HEADER)).toEqual([]);
  });
});

const name = (realm: string, ...parts: string[]): Buffer =>
  Buffer.concat([u32(1), u32(parts.length), long(realm), ...parts.map(long)]);

function credential(server: Buffer, endsAt: number): Buffer {
  const key = Buffer.concat([u16(18), long("key")]);
  const times = Buffer.concat([u32(1), u32(1), u32(endsAt), u32(0)]);
  const address = Buffer.concat([u32(1), u16(2), long("abcd")]);
  const flags = Buffer.concat([Buffer.from([0]), u32(0)]);
  return Buffer.concat([name("R", "ana"), server, key, times, flags, address, u32(0), long("ticket"), long("")]);
}

describe("a credential cache", () => {
  const start = Buffer.concat([Buffer.from([5, 4]), u16(12), Buffer.alloc(12), name("R", "ana")]);

  it("tells when its ticket-granting ticket ends, whatever else is in it", () => {
    const other = credential(name("R", "HTTP", "idp.corp.example"), 999);
    const bytes = Buffer.concat([start, other, credential(name("R", "krbtgt", "R"), 1_800_000_000)]);
    expect(ticketGrants(bytes)).toEqual([{ realm: "R", endsAtMs: 1_800_000_000_000 }]);
  });

  it("has none where it is empty, cut off or something else", () => {
    expect(ticketGrants(start)).toEqual([]);
    expect(ticketGrants(Buffer.from("hello"))).toEqual([]);
    expect(ticketGrants(Buffer.concat([start, credential(name("R", "krbtgt", "R"), 5)]).subarray(0, 90))).toEqual([]);
  });
});

describe("krb5.conf", () => {
  it("gives the default realm and the KDCs of each realm", () => {
    const host = fakeHost({ env: { KRB5_CONFIG: "/etc/a.conf:/etc/b.conf" } });
    host.machine.disk.file(
      "/etc/a.conf",
      "includedir /etc/krb5.conf.d\n[libdefaults]\n  default_realm = CORP.EXAMPLE\n[realms]\n  CORP.EXAMPLE = {\n    kdc = dc1.corp.example\n    kdc = dc2.corp.example:8888\n    admin_server = dc1\n  }\n  OTHER = {\n    kdc = other\n  }\n",
    );
    const conf = readKrb5Conf(host);
    expect(conf).toMatchObject({ files: ["/etc/a.conf"], defaultRealm: "CORP.EXAMPLE", includes: true });
    expect(conf.kdcs.get("CORP.EXAMPLE")).toEqual(["dc1.corp.example", "dc2.corp.example:8888"]);
    expect(conf.kdcs.get("OTHER")).toEqual(["other"]);
  });
});
