import type { BrokerError } from "../core/errors.ts";
import type { Key } from "../core/key.ts";
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
  readonly keyring: Keyring;
  readonly locks: Locks;
  readonly crypto: Crypto;
  readonly spawn: Spawn;
  readonly kerberos: Kerberos;
  readonly loopback: Loopback;
  readonly terminal: Terminal;
  readonly browser: Browser;
  readonly probe: Probe;
  readonly signals: Signals;
  readonly streams: Streams;
  readonly log: Log;
}

export interface Signals {
  /**
   * SIGINT, SIGTERM and SIGHUP wait from now on: for a few seconds of what must not be left half done.
   * @returns to be called once, in any case: ends the wait, and us where one of them came
   */
  hold(): Promise<() => void>;
}

export interface System {
  readonly platform: NodeJS.Platform;
  readonly pid: number;
  /** Undefined on Windows. */
  readonly uid: number | undefined;
  /** The command this process was started with, as in "credential-process". */
  readonly verb: string | undefined;
  /** Who started us, as the system tells it at this moment; never its arguments, which may hold secrets. */
  parent(): ParentProcess;
  hostname(): string;
  /** Login name, or "uid-N" where the machine knows no name for the user. */
  username(): string;
  /** $HOME, else the passwd entry; undefined when neither exists (a container with a bare uid). */
  homeDir(): string | undefined;
}

export interface ParentProcess {
  readonly pid: number;
  /** Path of its program; undefined where the system does not tell (not Linux, or another user's process). */
  readonly executable?: string;
  /** The name it goes by, which it may choose itself. */
  readonly name?: string;
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
  /**
   * Undefined when there is no such file.
   * @param links "as they are": of a symbolic link itself, which is neither file nor directory; default "follow"
   */
  stat(path: string, links?: "follow" | "as they are"): FileStat | undefined;
  /** Undefined when there is no such file. @param maxBytes throws EFBIG above it, default 1 MiB */
  read(path: string, maxBytes?: number): Uint8Array | undefined;
  list(directory: string): string[];
  /**
   * Written to a new 0600 file beside it and renamed: a reader sees the old or the new content, never a torn one. Whatever had the
   * name is replaced, a symbolic link and not its target, an empty directory too.
   * @param lasting "flushed": a power cut does not undo it either, for what cannot be fetched again
   */
  writePrivate(path: string, content: Uint8Array, lasting?: "flushed"): void;
  /** As writePrivate, but leaves an existing file alone; true when this call created it. */
  createPrivate(path: string, content: Uint8Array): boolean;
  /**
   * Adds a line to the end of a regular file in one write, so that lines of many processes never mix, and below one that a full disk cut
   * short. A missing file is created 0600 under any umask, an existing one keeps its mode. Empty: the file is only opened, and what would
   * fail is thrown now.
   * @param line with its line end
   * @throws ELOOP for a symbolic link, EINVAL or ENXIO for a pipe or a device (without waiting), ENOSPC where not all of it was taken
   */
  appendLine(path: string, line: Uint8Array): void;
  /** Where a path leads when its symbolic links are followed; itself where nothing is there. @throws ENOENT for a link that leads nowhere */
  resolve(path: string): Promise<string>;
  /**
   * As writePrivate and flushed, but for a file that is the person's own: symbolic links are followed, mode and owner stay as they were.
   * @throws EPERM where the owner cannot stay, EINVAL for what is no regular file
   */
  replace(path: string, content: Uint8Array): Promise<void>;
  /** Creates missing directories, the last one 0700 under any umask; parents likewise.
   * ELOOP where a symbolic link has the name, EPERM where modes cannot be set. */
  makePrivateDirectory(path: string): void;
  /** Creates nothing. @throws EACCES, EROFS, ENOSPC and the like where nothing could be created in this directory */
  checkCreatable(directory: string): void;
  /** No error when it is not there. */
  remove(path: string): void;
  /** What kind of file system a path is on, as mount(8) calls it ("tmpfs"); "another" for the less usual ones. */
  fileSystem(path: string): string;
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
  /**
   * Whether it may be sent again: where the server was too busy for it (broker/paced-http) or a kept document led to the wrong one
   * (broker/kept-http; default: a GET without an Authorization header), and once by the HTTP stack itself where a kept connection broke
   * (default: a GET).
   */
  readonly repeatable?: boolean;
  /** A public document that may come from an earlier fetch, for as long as its server said then (broker/kept-http). Default false. */
  readonly keepable?: boolean;
  /** Called when all of it is on its way, and only the answer is waited for. */
  readonly onSent?: () => void;
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
  /**
   * Opens the connection that a request to this URL with the same settings will soon take. What goes wrong is left for that request to say;
   * what nobody takes is closed without a word.
   */
  connectAhead?(url: string, tls?: TlsSettings): void;
  /** How far the servers' clocks are ahead of ours, from the latest Date header seen; undefined when none was. */
  skewMs(): number | undefined;
}

/** How long an answer is waited for: hurried where something else is used instead, patient where nothing else can be. */
export type Patience = "hurried" | "patient";

/** Why a keychain cannot be used now; `detail` is one line for a person. */
export interface KeychainProblem {
  readonly reason: "absent" | "locked" | "not-answering" | "addon-missing" | "failed";
  readonly detail: string;
  /** How to get what is missing. */
  readonly hint?: string;
  /** With "not-answering": how long it was waited for. */
  readonly waited?: Patience;
}
export type KeychainResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: KeychainProblem };

/**
 * The OS keychain. No call prompts a person, and each is bounded: to see whether it answers, 1 s hurried (the default) and 4 s patient;
 * where a program has to be started for it, a second more; to write or delete then, 5 s.
 */
export interface Keychain {
  get(service: string, account: string, patience?: Patience): Promise<KeychainResult<Secret | undefined>>;
  set(service: string, account: string, value: Secret, patience?: Patience): Promise<KeychainResult<void>>;
  delete(service: string, account: string): Promise<KeychainResult<boolean>>;
  /** Whether `set` would work now; nothing is written. */
  check(): Promise<KeychainResult<void>>;
}

/** Why the kernel's keyring cannot be used now; `detail` is one line for a person. */
export interface KeyringProblem {
  readonly reason: "addon-missing" | "not-available" | "quota" | "failed";
  readonly detail: string;
}
export type KeyringResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: KeyringProblem };

/** The kernel's persistent keyring of our user: it outlives sessions, not a reboot. Nothing blocks; loaded on first use. */
export interface Keyring {
  /** Undefined when there is no such key. */
  get(description: string): Promise<KeyringResult<Uint8Array | undefined>>;
  /** Adds a key, unless there is one of that description already. @returns the one that is there then */
  add(description: string, key: Uint8Array): Promise<KeyringResult<Uint8Array>>;
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
  seal(key: Uint8Array, plaintext: Uint8Array, additionalData: string): Promise<Uint8Array>;
  /** Undefined when it was not sealed with this key and these additional data. */
  open(key: Uint8Array, sealed: Uint8Array, additionalData: string): Promise<Uint8Array | undefined>;
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
    options: {
      timeoutMs: number;
      maxBytes: number;
      passEnv?: readonly string[];
      input?: string | undefined;
      signal?: AbortSignal | undefined;
    },
  ): Promise<SpawnResult>;
  /** Replaces us as far as Node allows: our streams, our signals handed on; resolves with its exit status, dies by its signal. */
  handOver(argv: readonly string[], env: Record<string, string>): Promise<number>;
}

/** A request to a loopback listener. Bodies are never read. */
export interface LoopbackRequest {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly target: string;
  /** The Host header; empty where there was none. */
  readonly host: string;
}

export interface LoopbackAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Left out of the answer to a HEAD. */
  readonly body: string;
}

export interface LoopbackListener {
  readonly port: number;
  /** Takes no more requests; resolves when those under way are answered, after a second in any case. */
  close(): Promise<void>;
}

/** Plain HTTP on this machine's own loopback address, for the redirect that ends a login in a browser. @see RFC 8252 §7.3 */
export interface Loopback {
  /**
   * Listens until it is closed. Slow and oversized requests are cut off; every connection ends with its answer.
   * @param port 0: a free one
   * @throws the errno error of listen(2), EADDRINUSE above all
   */
  listen(
    address: "127.0.0.1" | "::1",
    port: number,
    answer: (request: LoopbackRequest) => Promise<LoopbackAnswer>,
  ): Promise<LoopbackListener>;
}

/** The controlling terminal: the only place where a person is asked something, whatever stdin and stdout are. */
export interface Terminal {
  /** Undefined where there is none: cron, a service, a container without one. */
  open(): Promise<TerminalSession | undefined>;
}

/** The terminal is left as it was by `close`, by any signal that ends us and by an exception. */
export interface TerminalSession {
  /** 80 by 24 where it does not say. */
  size(): { readonly columns: number; readonly rows: number };
  write(text: string): void;
  /** @returns what ends the listening */
  onResize(listener: () => void): () => void;
  /**
   * Keys as they are pressed, unechoed, to one listener at a time. Ctrl-C is none of them: it ends us as SIGINT does. What is typed while
   * nobody listens is lost, as before a password prompt.
   * @returns what ends the listening
   */
  readKeys(listener: (key: Key) => void): () => void;
  close(): void;
}

export interface Browser {
  /**
   * Starts the user's browser (BROWSER, else the desktop's) in a session of its own, with a scrubbed environment. Within a second.
   * @param url https, or http to loopback; anything else is not opened
   * @returns false where there is none, or it would not start
   */
  open(url: string): Promise<boolean>;
}

/** What runs us. */
export interface Runtime {
  readonly name: "node" | "bun";
  /** As in "20.20.2". */
  readonly version: string;
  /** One executable that brings its own runtime. */
  readonly standalone: boolean;
}

/** What this machine's own account is called, and where its home is. */
export interface Account {
  readonly username: string;
  readonly homeDir: string;
}

export type AddonName = "keytar" | "koffi" | "fs-native-extensions" | "kerberos";

export interface PeerCertificate {
  /** Its CN, else its O; empty where it has neither. */
  readonly subject: string;
  readonly issuer: string;
  readonly notAfterMs: number;
}

/** What a server shows of itself, and what completes it from the authorities that are trusted. The server's own certificate is the first. */
export interface PeerChain {
  readonly certificates: readonly PeerCertificate[];
  /** Whether it ends at an authority that every browser trusts; "unknown" where the chain has no end. */
  readonly publicRoot: "yes" | "no" | "unknown";
  /** Why we would not talk to it; undefined when we would. */
  readonly problem: BrokerError | undefined;
}

/** Looks at this installation and at the way to a server, for `doctor` alone. Every method is bounded; no request is sent. */
export interface Probe {
  runtime(): Promise<Runtime>;
  /** Why an optional package cannot be loaded, in a few words; undefined when it can. */
  addon(name: AddonName): Promise<"not installed" | "cannot be loaded" | "not needed" | undefined>;
  /** @throws an error with a `code`, as getaddrinfo has it, or ETIMEDOUT */
  addresses(name: string, timeoutMs: number): Promise<readonly string[]>;
  /** The proxy that requests to a URL go through, without its credentials. @throws BrokerError CONFIG_INVALID for one that cannot be used */
  proxy(url: string): Promise<string | undefined>;
  /** Opens a TCP connection and closes it. @throws an errno error, ETIMEDOUT included */
  connect(host: string, port: number, timeoutMs: number): Promise<void>;
  /** The certificates of an https URL, through the proxy where one is used, whether they are trusted or not. @throws BrokerError UNREACHABLE, TIMEOUT, CONFIG_INVALID */
  certificates(url: string, tls: TlsSettings, timeoutMs: number): Promise<PeerChain>;
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
