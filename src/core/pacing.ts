export interface Turn {
  /** On `host.clock.monotonicMs()`: nobody is kept waiting past it. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Who may ask a server, and when: kept in common by all processes of the user on the machine. */
export interface Pace {
  /**
   * Returns when the server may be asked: at once, or after the wait that it asked of anybody here.
   * @throws BrokerError THROTTLED, when that wait would not end well before the deadline; nothing has been sent then
   */
  turn(turn: Turn): Promise<void>;
  /** The server was too busy. @param retryAfterMs how long it asks to be left alone, by everybody */
  throttled(retryAfterMs: number | undefined): Promise<void>;
  /** Takes one retry out of the common budget; false when there is none left, and the answer has to stand. */
  mayRetry(): Promise<boolean>;
  /** The server answered: the budget recovers. */
  answered(): Promise<void>;
}

/** @param endpoint host and port, as in `URL.host` */
export type PaceOf = (endpoint: string) => Pace;
