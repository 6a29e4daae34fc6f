import { format, inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/core/secret.ts";

const MARKER = "hunter2-marker";

describe("a secret", () => {
  const secret = new Secret(MARKER);
  const ways: Record<string, () => string> = {
    "a template": () => `${secret}`,
    concatenation: () => `x${String(secret)}`,
    "JSON.stringify": () => JSON.stringify({ deep: [{ secret }] }),
    "util.inspect": () => inspect({ deep: { deeper: [secret] } }, { depth: 9, showHidden: true, getters: true }),
    "util.format": () => format("%s %o %j %O", secret, secret, secret, secret),
    "its keys and values": () => JSON.stringify([Object.keys(secret), Object.values(secret), { ...secret }]),
    "an error that quotes it": () => String(new Error(`was ${secret}`)),
    "a structured clone": () => inspect(structuredClone(secret)),
    "its property names": () => Reflect.ownKeys(secret).map(String).join(),
  };
  for (const [way, text] of Object.entries(ways)) {
    it(`does not leak through ${way}`, () => expect(text()).not.toContain(MARKER));
  }

  it("is opened by reveal() alone, unchanged", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => new Secret(text).reveal() === text));
  });
});
