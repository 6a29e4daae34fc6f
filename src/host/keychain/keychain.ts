import { Secret } from "../../core/secret.ts";
import type { Host, Keychain, KeychainResult, Patience } from "../host.ts";
import { sessionBusPath } from "./dbus.ts";
import type { askKeychainChild } from "./keytar-child.ts";
import { checkWritable, readSecret } from "./secret-service.ts";
import { rememberingSilence } from "./silence.ts";

/** A keyring that is well may answer after seconds where many processes share few cores. */
const ANSWER_TIMEOUT_MS: Readonly<Record<Patience, number>> = { hurried: 1_000, patient: 4_000 };
/** A child has to be started before it can ask. */
const CHILD_START_MS = 1_000;
const WRITE_TIMEOUT_MS = 5_000;

/**
 * The OS keychain: Secret Service on Linux, Keychain on macOS, Credential Manager on Windows.
 * @param childCommand argv that starts the keytar child
 */
export function realKeychain(host: Pick<Host, "env" | "system">, childCommand: readonly string[]): Keychain {
  const { env, system } = host;
  const linux = system.platform === "linux";
  const bounded = rememberingSilence();
  const ready = (patience: Patience): Promise<KeychainResult<void>> =>
    linux
      ? bounded(patience, () => checkWritable(env, system.uid ?? 0, ANSWER_TIMEOUT_MS[patience]))
      : Promise.resolve({ ok: true, value: undefined });

  // Off the hot path: reading on Linux needs no child. It gets the bus that was asked before, so that libsecret starts none.
  const ask = (request: Request, patience: Patience, timeoutMs: number) => {
    const work = async () => {
      const path = linux ? sessionBusPath(env) : undefined;
      const childEnv = path === undefined ? env : { ...env, DBUS_SESSION_BUS_ADDRESS: busAddress(path) };
      return (await import("./keytar-child.ts")).askKeychainChild(childCommand, childEnv, request, timeoutMs);
    };
    return bounded(patience, work, timeoutMs >= ANSWER_TIMEOUT_MS.patient ? "patient" : "hurried");
  };

  return {
    async get(service, account, patience = "hurried") {
      const timeoutMs = ANSWER_TIMEOUT_MS[patience];
      if (linux) return bounded(patience, () => readSecret(env, system.uid ?? 0, { service, account }, timeoutMs));
      const answer = await ask({ do: "get", service, account }, patience, timeoutMs + CHILD_START_MS);
      return answer.ok
        ? { ok: true, value: typeof answer.value === "string" ? new Secret(answer.value) : undefined }
        : answer;
    },
    async set(service, account, value, patience = "hurried") {
      const state = await ready(patience);
      if (!state.ok) return state;
      const answer = await ask({ do: "set", service, account, value: value.reveal() }, patience, WRITE_TIMEOUT_MS);
      return answer.ok ? { ok: true, value: undefined } : answer;
    },
    async delete(service, account) {
      const state = await ready("hurried");
      if (!state.ok) return state;
      const answer = await ask({ do: "delete", service, account }, "hurried", WRITE_TIMEOUT_MS);
      return answer.ok ? { ok: true, value: answer.value === true } : answer;
    },
    async check() {
      const state = await ready("hurried");
      if (!state.ok) return state;
      const answer = await ask({ do: "check" }, "hurried", WRITE_TIMEOUT_MS);
      return answer.ok ? { ok: true, value: undefined } : answer;
    },
  };
}

type Request = Parameters<typeof askKeychainChild>[2];

/** @see D-Bus specification, Server Addresses: what is not plain is written as %XX */
function busAddress(path: string): string {
  const [key, name] = path.startsWith("\0") ? ["abstract", path.slice(1)] : ["path", path];
  const escaped = encodeURIComponent(name)
    .replaceAll("%2F", "/")
    .replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `unix:${key}=${escaped}`;
}
