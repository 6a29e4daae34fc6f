import { describe, expect, it } from "vitest";
import { fitToPaste } from "../../src/doctor/fit-to-paste.ts";
import { fakeHost } from "../support/fake-host.ts";

const shown = (text: string): string => fitToPaste(text, fakeHost());

describe("what is fit to paste", () => {
  it("has no password of a proxy or another URL", () => {
    expect(shown("through http://ana:p4ss@proxy:3128, then http://ana@x/")).toBe(
      "through http://proxy:3128, then http://x/",
    );
  });

  it("has no access key id and no id of a user or role, but tells which kind it was", () => {
    expect(shown("key AKIAIOSFODNN7EXAMPLE and AROAJ2UCCR6DPCEXAMPLE")).toBe("key AKIAIO… and AROAJ2…");
  });

  it("has no token, key, ticket or assertion", () => {
    const token = `eyJ${"a".repeat(40)}.eyJ${"b".repeat(40)}.${"c".repeat(60)}`;
    expect(shown(`it said ${token}!`)).toBe("it said [token]!");
    expect(shown(`it said ${"Ab3+".repeat(30)}==, twice`)).toBe("it said […], twice");
  });

  it("has ~ for the home directory, and other people's directories as they are", () => {
    expect(shown("/home/ana/.aws/config and /home/anabel/x, /home/ana")).toBe("~/.aws/config and /home/anabel/x, ~");
  });

  it("keeps ARNs, URLs and file names whole", () => {
    const text = `arn:aws:iam::123456789012:role/${"a/".repeat(10)}billing-export, https://idp.corp.example/${"realm/".repeat(12)}, /srv/${"folder/".repeat(14)}config.toml:12:3`;
    expect(shown(text)).toBe(text);
  });
});
