import type { Secret } from "../core/secret.ts";

/** What a person types at another page, on whatever device they have at hand. @see RFC 8628 §3.2 */
export interface DeviceCode {
  readonly userCode: string;
  /** https, or http to loopback: nothing else is shown. */
  readonly verificationUrl: string;
  /** With the code in it, for a QR code or a click. */
  readonly completeUrl?: string | undefined;
  /** On `host.clock.nowMs()`. */
  readonly expiresAtMs: number;
}

export interface Question {
  /** As in "Password of ana@corp.example". */
  readonly label: string;
  /** Not shown while it is typed. */
  readonly secret: boolean;
}

export interface Choice {
  /** What is told apart, and handed back. */
  readonly value: string;
  readonly label: string;
}

/**
 * The person in front of the machine, as a source sees them. Only `login` has one; it talks through the controlling terminal. Every text
 * that comes from outside is escaped by whoever shows it.
 */
export interface Presenter {
  /** What is going on, one line that replaces the former one: "waiting for the browser". */
  progress(line: string): void;
  /**
   * Opens a page in the person's browser, and shows its address in any case; one that was only "shown" gives way to `showCode` where that is
   * the next call. Resolves within a second.
   * @param start what the browser is given in place of `url`, where that is not for a command line
   */
  openPage(url: string, start?: string): Promise<"opened" | "shown">;
  /** Shows the code until the next call of any method. */
  showCode(code: DeviceCode): void;
  /** @throws BrokerError LOGIN_REQUIRED when the person gives up */
  ask(question: Question): Promise<Secret>;
  /** One of several, by its value. @throws BrokerError LOGIN_REQUIRED when the person gives up */
  choose(title: string, choices: readonly Choice[]): Promise<string>;
}
