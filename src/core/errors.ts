/** Exit codes callers may rely on. A signal ends us by that signal; `exec` answers with the child's own status. */
export const EXIT = {
  done: 0,
  unexpected: 1,
  usage: 2,
  loginRequired: 3,
  refused: 4,
  unreachable: 5,
  /** exec only: the broker failed before the command could run, as in env(1). */
  execFailed: 125,
  /** exec only: the command is there but cannot be run, or is not there. */
  notRunnable: 126,
  notFound: 127,
} as const;

/** One literal a cause: tests and callers compare codes, never texts. */
export type ErrorCode =
  | "USAGE"
  | "CONFIG_INVALID"
  | "CONFIG_MISSING"
  | "PROFILE_UNKNOWN"
  | "SECRET_UNAVAILABLE"
  | "SECRET_EXPOSED"
  | "ADDON_MISSING"
  | "LOGIN_REQUIRED"
  | "IDP_REFUSED"
  | "IDP_INVALID_ANSWER"
  | "ASSERTION_UNUSABLE"
  | "STS_REFUSED"
  | "STS_INVALID_ANSWER"
  | "UNREACHABLE"
  | "THROTTLED"
  | "TIMEOUT"
  | "LOCK_TIMEOUT"
  | "STDOUT_NOT_TAKEN"
  /** Only where keeping is the whole point; elsewhere a store that fails is a warning. */
  | "STORE_UNUSABLE"
  | "COMMAND_FAILED"
  /** The audit record that the configuration requires cannot be written: no credentials without it. */
  | "AUDIT_FAILED"
  /** A bug of ours, where something better than dying of it can be done. */
  | "UNEXPECTED";

const EXIT_OF: Record<ErrorCode, number> = {
  USAGE: EXIT.usage,
  CONFIG_INVALID: EXIT.usage,
  CONFIG_MISSING: EXIT.usage,
  PROFILE_UNKNOWN: EXIT.usage,
  SECRET_UNAVAILABLE: EXIT.usage,
  SECRET_EXPOSED: EXIT.usage,
  ADDON_MISSING: EXIT.usage,
  LOGIN_REQUIRED: EXIT.loginRequired,
  IDP_REFUSED: EXIT.refused,
  IDP_INVALID_ANSWER: EXIT.unreachable,
  ASSERTION_UNUSABLE: EXIT.refused,
  STS_REFUSED: EXIT.refused,
  STS_INVALID_ANSWER: EXIT.unreachable,
  UNREACHABLE: EXIT.unreachable,
  THROTTLED: EXIT.unreachable,
  TIMEOUT: EXIT.unreachable,
  LOCK_TIMEOUT: EXIT.unreachable,
  STDOUT_NOT_TAKEN: EXIT.unexpected,
  STORE_UNUSABLE: EXIT.usage,
  COMMAND_FAILED: EXIT.usage,
  AUDIT_FAILED: EXIT.usage,
  UNEXPECTED: EXIT.unexpected,
};

export interface ErrorDetails {
  /** A command to run or a setting to change, one line. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Overrides the code's own exit code. */
  readonly exitCode?: number | undefined;
  /** THROTTLED: for how long the server asks to be left alone, from now. At most 15 minutes. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Everything that can go wrong by somebody else's doing. `message` is one line that stands alone, because AWS tools quote it:
 * lowercase, no full stop, naming the thing that failed. Texts from outside go through {@link printable} first.
 */
export class BrokerError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly exitCode: number;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "BrokerError";
    this.code = code;
    this.hint = details.hint;
    this.exitCode = details.exitCode ?? EXIT_OF[code];
    this.retryAfterMs = details.retryAfterMs;
  }
}
