import { Secret } from "../../core/secret.ts";
import type { Host, Keychain, KeychainResult } from "../host.ts";
import { sessionBusPath } from "./dbus.ts";
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
    linux
      ? bounded(() => checkWritable(env, system.uid ?? 0, READ_TIMEOUT_MS))
      : Promise.resolve({ ok: true, value: undefined });

  let silent: KeychainResult<never> | undefined;
  /** A keychain that hung once is not waited for again in this run: a cold start asks it three times. */
  async function bounded<T>(work: () => Promise<KeychainResult<T>>): Promise<KeychainResult<T>> {
    if (silent !== undefined) return silent;
    const result = await work();
    if (!result.ok && result.problem.reason === "not-answering") silent = result;
    return result;
  }

  // Off the hot path: reading on Linux needs no child. It gets the bus that was asked before, so that libsecret starts none.
  const ask = (...[request, timeoutMs]: Tail<Parameters<typeof askKeychainChild>>) =>
    bounded(async () => {
      const path = linux ? sessionBusPath(env) : undefined;
      const childEnv = path === undefined ? env : { ...env, DBUS_SESSION_BUS_ADDRESS: busAddress(path) };
      return (await import("./keytar-child.ts")).askKeychainChild(childCommand, childEnv, request, timeoutMs);
    });

  return {
    async get(service, account) {
      if (linux) return bounded(() => readSecret(env, system.uid ?? 0, { service, account }, READ_TIMEOUT_MS));
      const answer = await ask({ do: "get", service, account }, READ_TIMEOUT_MS * 2);
      return answer.ok
        ? { ok: true, value: typeof answer.value === "string" ? new Secret(answer.value) : undefined }
        : answer;
    },
    async set(service, account, value) {
      const state = await ready();
      if (!state.ok) return state;
      const request = { do: "set", service, account, value: value.reveal() } as const;
      const answer = await ask(request, WRITE_TIMEOUT_MS);
      return answer.ok ? { ok: true, value: undefined } : answer;
    },
    async delete(service, account) {
      const state = await ready();
      if (!state.ok) return state;
      const answer = await ask({ do: "delete", service, account }, WRITE_TIMEOUT_MS);
      return answer.ok ? { ok: true, value: answer.value === true } : answer;
    },
    async check() {
      const state = await ready();
      if (!state.ok) return state;
      const answer = await ask({ do: "check" }, WRITE_TIMEOUT_MS);
      return answer.ok ? { ok: true, value: undefined } : answer;
    },
  };
}

type Tail<A extends readonly unknown[]> = A extends readonly [unknown, unknown, ...infer Rest] ? Rest : never;

/** @see D-Bus specification, Server Addresses: what is not plain is written as %XX */
function busAddress(path: string): string {
  const [key, name] = path.startsWith("\0") ? ["abstract", path.slice(1)] : ["path", path];
  const escaped = encodeURIComponent(name)
    .replaceAll("%2F", "/")
    .replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `unix:${key}=${escaped}`;
}
