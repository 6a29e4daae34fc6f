/** The host of a source that walks through pages: real sockets, captured logs, nothing else of the machine. */

import { BrokerError } from "../../src/core/errors.ts";
import type { TomlTable } from "../../src/core/types.ts";
import { clock } from "../../src/host/clock.ts";
import { crypto } from "../../src/host/crypto.ts";
import { files } from "../../src/host/files.ts";
import type { Host } from "../../src/host/host.ts";
import { realHttp } from "../../src/host/http/request.ts";
import { realSpawn } from "../../src/host/spawn.ts";
import type { IdentitySource, Proof } from "../../src/identity/source.ts";

export interface PagesHost {
  readonly host: Host;
  /** Whatever was logged or warned. */
  readonly lines: string[];
  close(): void;
}

export function pagesHost(env: Readonly<Record<string, string>> = {}): PagesHost {
  const lines: string[] = [];
  const log = {
    enabled: true,
    debug: (stage: string, message: string) => void lines.push(`${stage}: ${message}`),
    warn: (message: string) => void lines.push(message),
  };
  const http = realHttp(env, clock, log);
  const system = {
    platform: process.platform,
    pid: process.pid,
    uid: process.getuid?.(),
    hostname: () => "host1",
    username: () => "ana",
    homeDir: () => env.HOME,
  };
  const spawn = realSpawn(env);
  return {
    host: { env, system, clock, files, http, crypto, log, spawn } as unknown as Host,
    lines,
    close: () => http.close(),
  };
}

/** What the broker does with an identity table that was found good. */
export async function prove<Settings>(
  source: IdentitySource<Settings>,
  table: TomlTable,
  { host }: PagesHost,
): Promise<Proof> {
  return source.acquire(source.parse(table), { host, signal: AbortSignal.timeout(20_000) });
}

/** Code, message and hint of what went wrong. */
export async function failure(attempt: Promise<unknown>): Promise<{ code: string; message: string; hint: string }> {
  const error = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BrokerError)) throw new Error("no BrokerError", { cause: error });
  return { code: error.code, message: error.message, hint: error.hint ?? "" };
}
