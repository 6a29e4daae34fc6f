import { describe, expect, test } from "vitest";
import { need, needed } from "./requirements.ts";

describe("requirements", () => {
  test("finds programs, exact files and shared libraries", () => {
    expect(need("sh")).toMatchObject({ available: true, path: expect.stringMatching(/\/sh$/) });
    expect(need("/bin/sh")).toEqual({ available: true, path: "/bin/sh" });
    expect(need("libc.so.6").available || need("ld-musl-x86_64.so.1").available || process.platform !== "linux").toBe(
      true,
    );
  });

  test("says which Debian package has what is missing", () => {
    expect(need("no-such-program")).toEqual({
      available: false,
      reason: "no-such-program is not installed (Debian package no-such-program)",
    });
    expect(need("/clone/node_modules/kerberos/kerberos.node")).toEqual({
      available: false,
      reason: "/clone/node_modules/kerberos/kerberos.node is missing: node test/setup.mjs",
    });
    expect(() => needed("libmissing.so.3")).toThrow("libmissing.so.3 is not installed");
  });
});
