import { describe, expect, it } from "vitest";
import { ccacheOwner } from "../../src/cache/ccache.ts";
import { credentialsKey } from "../../src/cache/key.ts";
import { fakeMachine } from "../support/fake-host.ts";
import { PROFILE } from "./samples.ts";

const text = (value: string): Buffer => Buffer.concat([uint32(value.length), Buffer.from(value)]);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** As MIT Kerberos writes it: version 4, a header with the KDC's time offset, the default principal, then tickets. */
function ccache(principal: string): Buffer {
  const [name = "", realm = ""] = principal.split("@");
  const parts = name.split("/");
  const header = Buffer.from([5, 4, 0, 12, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([
    header,
    uint32(1),
    uint32(parts.length),
    text(realm),
    ...parts.map(text),
    Buffer.from("tickets"),
  ]);
}

describe("whose tickets a credential cache holds", () => {
  const at = (path: string, bytes: Uint8Array, env: Record<string, string> = {}) => {
    const host = fakeMachine().host({ env });
    host.machine.disk.file(path, bytes);
    return host;
  };

  it.each(["alice@CORP.EXAMPLE", "HOST/web1.corp.example@CORP.EXAMPLE", "WEB1$@CORP.EXAMPLE"])("%s", (principal) => {
    const host = at("/run/cc", ccache(principal), { KRB5CCNAME: "FILE:/run/cc" });
    expect(ccacheOwner(undefined, host)).toEqual(["FILE:/run/cc", principal]);
  });

  it("is looked for where the identity says, then KRB5CCNAME, then the user's default", () => {
    const host = at("/tmp/krb5cc_1000", ccache("alice@CORP.EXAMPLE"));
    expect(ccacheOwner(undefined, host)).toEqual(["FILE:/tmp/krb5cc_1000", "alice@CORP.EXAMPLE"]);
    expect(ccacheOwner("KCM:1000", host)).toEqual(["KCM:1000", null]);
    expect(ccacheOwner("/nowhere", host)).toEqual(["/nowhere", null]);
  });

  it("is nobody's when the file is cut short, or no cache", () => {
    const whole = ccache("alice@CORP.EXAMPLE");
    for (let length = 0; length < whole.length - 7; length++) {
      expect(ccacheOwner("/cc", at("/cc", whole.subarray(0, length)))).toEqual(["/cc", null]);
    }
    expect(ccacheOwner("/cc", at("/cc", Buffer.alloc(64, 0xff)))).toEqual(["/cc", null]);
  });

  it("is among what names an entry, unless a keytab or a principal says who it is", () => {
    const key = (principal: string, kind: string, settings = {}): string =>
      credentialsKey(
        { ...PROFILE, identity: { name: "corp", kind, settings } },
        at("/tmp/krb5cc_1000", ccache(principal)),
      );
    for (const [kind, settings] of [
      ["saml-kerberos", {}],
      ["oidc-kerberos", {}],
      ["saml-wstrust", { method: "windowstransport" }],
      ["saml-ecp", { auth: "negotiate" }],
      ["saml-ecp", {}],
    ] as const) {
      expect(key("alice@CORP.EXAMPLE", kind, settings), kind).not.toBe(key("bob@CORP.EXAMPLE", kind, settings));
      const stated = { ...settings, principal: "alice@CORP.EXAMPLE" };
      expect(key("alice@CORP.EXAMPLE", kind, stated), kind).toBe(key("bob@CORP.EXAMPLE", kind, stated));
    }
    const basic = { username: "svc", password: { file: "/secret" } };
    expect(key("alice@CORP.EXAMPLE", "saml-ecp", basic)).toBe(key("bob@CORP.EXAMPLE", "saml-ecp", basic));
    expect(key("alice@CORP.EXAMPLE", "token-file")).toBe(key("bob@CORP.EXAMPLE", "token-file"));
  });
});
