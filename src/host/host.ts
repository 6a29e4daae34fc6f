import type { Secret } from "../core/secret.ts";

/**
 * Every side effect the program has, in one object (the fake one in test/support mirrors it). Nothing outside src/host and bin
 * touches `process`, the network, the clock or a file by itself.
 */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly system: System;
  readonly clock: Clock;
  readonly files: Files;
  readonly http: Http;
  readonly keychain: Keychain;
  readonly locks: Locks;
  readonly crypto: Crypto;
  readonly spawn: Spawn;
  readonly kerberos: Kerberos;
  readonly streams: Streams;
  readonly log: Log;
}

export interface System {
  readonly platform: NodeJS.Platform;
  readonly pid: number;
  /** Undefined on Windows. */
  readonly uid: number | undefined;
  hostname(): string;
  /** Login name, or "uid-N" where the machine knows no name for the user. */
  username(): string;
  /** $HOME, else the passwd entry; undefined when neither exists (a container with a bare uid). */
  homeDir(): string | undefined;
}

export interface Clock {
  /** Wall clock in milliseconds since the epoch; it may be wrong, and it may jump. */
  nowMs(): number;
  /** Never jumps; for deadlines and timings. */
  monotonicMs(): number;
  /** Resolves early when the signal aborts. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export interface FileStat {
  readonly uid: number;
  /** Permission bits only. */
  readonly mode: number;
  readonly size: number;
  readonly modifiedAtMs: number;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
}

/** Synchronous: the hot path reads three small files, and a promise each would cost more than the reads. All throw Node's errno errors. */
export interface Files {
  /** Follows symbolic links. Undefined when there is no such file. */
  stat(path: string): FileStat | undefined;
  /** Undefined when there is no such file. @param maxBytes throws EFBIG above it, default 1 MiB */
  read(path: string, maxBytes?: number): Uint8Array | undefined;
  list(directory: string): string[];
  /** Written to a new 0600 file beside it and renamed: a reader sees the old or the new content, never a torn one. */
  writePrivate(path: string, content: Uint8Array): void;
  /** As writePrivate, but leaves an existing file alone; true when this call created it. */
  createPrivate(path: string, content: Uint8Array): boolean;
  /** Creates missing directories, the last one 0700 under any umask; parents likewise. */
  makePrivateDirectory(path: string): void;
  /** No error when it is not there. */
  remove(path: string): void;
}

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Whole exchange: DNS, connect, TLS, send, every byte of the answer. Default 15,000. */
  readonly timeoutMs?: number;
  /** Default 1 MiB. */
  readonly maxBytes?: number;
  readonly tls?: TlsSettings;
  readonly signal?: AbortSignal | undefined;
}

export interface TlsSettings {
  /** Whose trust applies: AWS_CA_BUNDLE replaces the system's authorities for AWS only. Default "idp". */
  readonly peer?: "aws" | "idp";
  /** Path of a PEM file that adds to the trusted authorities for this request. */
  readonly caFile?: string;
  /** Client certificate (chain) in PEM, for mutual TLS. */
  readonly certificate?: string;
  readonly key?: Secret;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** One entry a Set-Cookie line; joined in `headers` they could not be told apart. */
  readonly setCookie: readonly string[];
  readonly body: Uint8Array;
  readonly url: string;
}

/** One HTTP stack for everything. Redirects are answers, not followed. Throws BrokerError with UNREACHABLE, TIMEOUT or IDP_INVALID_ANSWER. */
export interface Http {
  request(request: HttpRequest): Promise<HttpResponse>;
  /** How far the servers' clocks are ahead of ours, from the latest Date header seen; undefined when none was. */
  skewMs(): number | undefined;
}

/** Why a keychain cannot be used now; `detail` is one line for a person. */
export interface KeychainProblem {
  readonly reason: "absent" | "locked" | "not-answering" | "addon-missing" | "failed";
  readonly detail: string;
}
export type KeychainResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: KeychainProblem };

/** The OS keychain. Bounded: no call outlives its deadline (default 1,000 ms for reads, 5,000 ms for writes) or prompts a person. */
export interface Keychain {
  get(service: string, account: string): Promise<KeychainResult<Secret | undefined>>;
  set(service: string, account: string, value: Secret): Promise<KeychainResult<void>>;
  delete(service: string, account: string): Promise<KeychainResult<boolean>>;
}

export interface Lock {
  release(): void;
}

/** Locks between processes that the kernel releases when their holder dies. */
export interface Locks {
  /** Undefined when somebody else holds it. @throws when no lock can be had at all (read-only directory) */
  tryAcquire(path: string): Promise<Lock | undefined>;
  /** How locks are made here, for `doctor` and the debug log. */
  kind(): string;
}

/** Synchronous where the runtime has it for free. */
export interface Crypto {
  sha256Hex(data: string | Uint8Array): string;
  randomBytes(length: number): Uint8Array;
  /** AES-256-GCM; the result is iv (12 bytes), ciphertext, tag (16 bytes). */
  seal(key: Uint8Array, plaintext: Uint8Array, additionalData: string): Uint8Array;
  /** Undefined when it was not sealed with this key and these additional data. */
  open(key: Uint8Array, sealed: Uint8Array, additionalData: string): Uint8Array | undefined;
}

/** Where the ticket comes from. Nothing set: the credential cache and the client keytab that the environment names. */
export interface KerberosCredentials {
  /** HOST$@CORP.EXAMPLE; undefined: the default principal. */
  readonly principal?: string | undefined;
  /** Absolute path; the ticket is then kept in memory alone, no kinit and no file. */
  readonly keytab?: string | undefined;
  /** As KRB5CCNAME has it: FILE:/path, KEYRING:…, KCM:…. */
  readonly ccache?: string | undefined;
  /** Let gssproxy hold the keytab (GSS_USE_PROXY). */
  readonly gssproxy?: boolean | undefined;
}

/** One SPNEGO conversation with one server. @see RFC 4559, RFC 4178 */
export interface NegotiateContext {
  /**
   * The next token for the server, base64, empty when it needs none; `challenge` is its last one, undefined at the start.
   * @throws KerberosFailure
   */
  step(challenge: string | undefined): Promise<string>;
  /** True once the server has proved itself too (AP-REP). */
  readonly mutual: boolean;
}

/** GSSAPI or SSPI, through the optional addon. */
export interface Kerberos {
  /** Starts what `open` will need, while the caller does something else. Problems are left to `open`. */
  prepare?(credentials: KerberosCredentials): void;
  /**
   * @param spn service@host, as in HTTP@idp.corp.example
   * @param options.signal gives up the opening and every step; each is given up after 15 s in any case
   * @throws BrokerError ADDON_MISSING with how to get it, KerberosFailure
   */
  open(
    spn: string,
    credentials: KerberosCredentials,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<NegotiateContext>;
}

export interface SpawnResult {
  /** Undefined when a signal ended it. */
  readonly status: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: Uint8Array;
}

export interface Spawn {
  /**
   * Runs a program without a shell, with a scrubbed environment (`environment.ts`), stdin empty or `input`, stderr discarded.
   * @throws BrokerError COMMAND_FAILED when it cannot be started, TIMEOUT past the deadline (it is killed), both naming argv[0] only
   */
  capture(
    argv: readonly string[],
    options: { timeoutMs: number; maxBytes: number; passEnv?: readonly string[]; signal?: AbortSignal | undefined },
  ): Promise<SpawnResult>;
  /** Replaces us as far as Node allows: our streams, our signals handed on; resolves with its exit status, dies by its signal. */
  handOver(argv: readonly string[], env: Record<string, string>): Promise<number>;
}

export interface Streams {
  /** Every byte taken, or BrokerError STDOUT_NOT_TAKEN. */
  writeOut(text: string): void;
  /** Best effort: a closed stderr is nobody's error. */
  writeErr(text: string): void;
}

/** Silent unless --debug or STS_BROKER_DEBUG. Stage, decision, reason; never bodies, headers or secrets. */
export interface Log {
  readonly enabled: boolean;
  debug(stage: string, message: string): void;
  /** One line on stderr, whatever the debug setting. */
  warn(message: string): void;
}
