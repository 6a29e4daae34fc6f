import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_SESSION_NAME, sessionName } from "../../src/config/session-name.ts";
import { BrokerError } from "../../src/core/errors.ts";

const PARTS = { hostname: "web1.corp.example", user: "ana", profile: "billing" };

describe("a session name", () => {
  it("fills in its placeholders", () => {
    expect(sessionName(DEFAULT_SESSION_NAME, PARTS)).toBe("ana@web1.corp.example");
    expect(sessionName("{profile}-{user}-{user}", PARTS)).toBe("billing-ana-ana");
  });

  it("turns what STS does not take into hyphens, one for a character", () => {
    expect(sessionName("{user}", { ...PARTS, user: "CORP\\ana lópez😀" })).toBe("CORP-ana-l-pez-");
    expect(sessionName("job/{profile}:7", PARTS)).toBe("job-billing-7");
  });

  it("does not fill in placeholders that a value brings along", () => {
    expect(sessionName("{user}", { ...PARTS, user: "{hostname}" })).toBe("-hostname-");
  });

  it("drops the host name's domain first when it is too long", () => {
    const hostname = `web1.${"a".repeat(70)}.example`;
    expect(sessionName(DEFAULT_SESSION_NAME, { ...PARTS, hostname })).toBe("ana@web1");
  });

  it("keeps an IPv4 address whole", () => {
    const name = sessionName(DEFAULT_SESSION_NAME, { ...PARTS, user: "u".repeat(60), hostname: "10.20.30.40" });
    expect(name).toMatch(/@10\.20\.30\.40$/);
  });

  it("keeps both ends when even that is too long", () => {
    const hostname = `${"node-".repeat(20)}0042.corp.example`;
    const name = sessionName(DEFAULT_SESSION_NAME, { ...PARTS, hostname });
    expect(name).toHaveLength(64);
    expect(name).toMatch(/^ana@node-.*-0042$/);
  });

  it("fills a single character up to STS's two", () => {
    expect(sessionName("{user}", { ...PARTS, user: "a" })).toBe("a-");
    expect(sessionName("{user}", { ...PARTS, user: "" })).toBe("--");
  });

  it("refuses an unknown placeholder and lists those there are", () => {
    const error = errorOf(() => sessionName("{user}@{hostnme\u001b}", PARTS));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toBe("role_session_name has the unknown placeholder {hostnme?}");
    expect(error.hint).toBe("there are {hostname}, {user} and {profile}");
  });

  it("knows no placeholder that an object inherits", () => {
    expect(errorOf(() => sessionName("{constructor}", PARTS)).code).toBe("CONFIG_INVALID");
  });

  it("refuses an empty template", () => {
    expect(errorOf(() => sessionName("", PARTS)).code).toBe("CONFIG_INVALID");
  });

  it("is always what STS takes, whatever the machine and its user are called", () => {
    const text = fc.string({ unit: "binary", maxLength: 200 });
    const template = fc
      .array(fc.oneof(text, fc.constantFrom("{user}", "{hostname}", "{profile}", "{", "}")), { minLength: 1 })
      .map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(template, text, text, text, (pattern, hostname, user, profile) => {
        try {
          expect(sessionName(pattern, { hostname, user, profile })).toMatch(/^[A-Za-z0-9_+=,.@-]{2,64}$/);
        } catch (error) {
          if (!(error instanceof BrokerError)) throw error;
          expect(error.code).toBe("CONFIG_INVALID");
        }
      }),
      { numRuns: 500 },
    );
  });
});

function errorOf(run: () => unknown): BrokerError {
  try {
    run();
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
