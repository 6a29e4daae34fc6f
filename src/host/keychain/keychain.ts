import { Secret } from "../../core/secret.ts";
import type { Host, Keychain, KeychainResult } from "../host.ts";
import type { askKeychainChild } from "./keytar-child.ts";
import { checkWritable, readSecret } from "./secret-service.ts";

const READ_TIMEOUT_MS = 1_000;
const WRITE_TIMEOUT_MS = 5_000;

/**
 * The OS keychain: Secret Service on Linux, Keychain on macOS, Credential Manager on Windows.
 * @param childCommand argv that starts the keytar child
 */
export function realKeychain(host: Pick<Host, "env" | "system">, childCommand: readonly string[]): Keychain {
  const { env, system } = host;
  const linux = system.platform === "linux";
  const ready = (): Promise<KeychainResult<void>> =>
    linux ? checkWritable(env, system.uid ?? 0, READ_TIMEOUT_MS) : Promise.resolve({ ok: true, value: undefined });

  // Off the hot path: reading on Linux needs no child.
  const ask: typeof askKeychainChild = async (...args) => (await import("./keytar-child.ts")).askKeychainChild(...args);

  return {
    async get(service, account) {
      if (linux) return readSecret(env, system.uid ?? 0, { service, account }, READ_TIMEOUT_MS);
      const answer = await ask(childCommand, env, { do: "get", service, account }, READ_TIMEOUT_MS * 2);
      return answer.ok ? { ok: true, value: typeof answer.value === "string" ? new Secret(answer.value) : undefined } : answer;
    },
    async set(service, account, value) {
      const state = await ready();
      if (!state.ok) return state;
      const request = { do: "set", service, account, value: value.reveal() } as const;
      const answer = await ask(childCommand, env, request, WRITE_TIMEOUT_MS);
      return answer.ok ? { ok: true, value: undefined } : answer;
    },
    async delete(service, account) {
      const state = await ready();
      if (!state.ok) return state;
      const answer = await ask(childCommand, env, { do: "delete", service, account }, WRITE_TIMEOUT_MS);
      return answer.ok ? { ok: true, value: answer.value === true } : answer;
    },
  };
}
