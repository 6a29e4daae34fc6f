import { describe, expect, it } from "vitest";
import { isLoopbackUrl } from "../../src/core/loopback.ts";

describe("a loopback URL", () => {
  for (const host of [
    "127.0.0.1",
    "127.1",
    "127.255.255.254:8080",
    "0x7f000001",
    "2130706433",
    "localhost",
    "LOCALHOST",
    "[::1]:9",
  ]) {
    it(`is one at ${host}`, () => expect(isLoopbackUrl(new URL(`http://${host}/x`))).toBe(true));
  }

  for (const host of [
    "128.0.0.1",
    "127.0.0.1.attacker.example",
    "127.attacker.example",
    "localhost.attacker.example",
    "attacker.example#localhost",
    "127.0.0.1@attacker.example",
    "[::2]",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
    "10.0.0.1",
  ]) {
    it(`is none at ${host}`, () => expect(isLoopbackUrl(new URL(`http://${host}/`))).toBe(false));
  }
});
