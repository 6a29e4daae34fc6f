import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { reasonOf } from "../../src/host/kerberos/reason.ts";
import { challenges } from "../../src/identity/lib/www-authenticate.ts";
import { startCpuClock } from "../support/cpu-clock.ts";

describe("texts of Kerberos libraries are told apart", () => {
  test.each([
    ["Clock skew too great", "clock-skew"],
    ["Ticket expired", "expired-ticket"],
    ["Request is a replay", "replay"],
    ["Server HTTP/a.example@CORP.EXAMPLE not found in Kerberos database", "unknown-spn"],
    ["Server (HTTP/a.example@CORP.EXAMPLE) unknown", "unknown-spn"],
    ["Client 'a@CORP.EXAMPLE' not found in Kerberos database", "unknown-client"],
    ["KDC has no support for encryption type", "unsupported-encryption"],
    ["Client's credentials have been revoked", "client-locked"],
    ["Preauthentication failed", "wrong-key"],
    ["Cannot contact any KDC for realm 'CORP.EXAMPLE'", "kdc-unreachable"],
    ['Cannot find KDC for realm "CORP.EXAMPLE"', "configuration"],
    ["Configuration file does not specify default realm", "configuration"],
    ["Keytab contains no suitable keys for a@CORP.EXAMPLE", "keytab-without-principal"],
    ["Can't find client principal a@CORP.EXAMPLE in cache collection", "other-principal"],
    ["No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0)", "no-ticket"],
    ["SPNEGO cannot find mechanisms to negotiate", "no-ticket"],
    ["something new", "unknown"],
  ])("%s", (text, reason) => {
    expect(reasonOf(text, false)).toBe(reason);
  });

  test.each([
    ["The ticket isn't for us", "server-key"],
    ["Decrypt integrity check failed", "server-key"],
    ["Specified version of key is not available", "server-key"],
    ["Clock skew too great", "clock-skew"],
    ["Request is a replay", "replay"],
    ["Invalid token was supplied: Unknown error", "server-not-proved"],
    ["something new", "server-not-proved"],
  ])("%s, once the server has answered", (text, reason) => {
    expect(reasonOf(text, true)).toBe(reason);
  });
});

test("no header of a server makes the reader hang or crash, and no token comes out of a quoted string", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), (header) => {
      challenges(header);
      const quoted = challenges(`Basic realm="${header.replace(/["\\]/g, "")}"`);
      expect(quoted.map(({ scheme }) => scheme)).toEqual(["Basic"]);
    }),
  );
  const computedMs = startCpuClock();
  for (const part of ['a="', "a ", "a=", ",", '"\\', "Negotiate ", "Negotiate a="]) challenges(part.repeat(20_000));
  expect(computedMs()).toBeLessThan(2_000);
});
