import { BrokerError } from "../core/errors.ts";
import { isLoopbackUrl } from "../core/loopback.ts";
import type { Host } from "../host/host.ts";
import type { Choice, DeviceCode, Presenter } from "../identity/presenter.ts";

export interface NamedChoice extends Choice {
  /** Found by it too, though it is not shown. */
  readonly also?: string | undefined;
}

/** A login as it is talked about with a person: a screen, or lines of text. */
export interface Conversation extends Presenter {
  choose(title: string, choices: readonly NamedChoice[]): Promise<string>;
  /** Lines that stay, printable already. */
  show(text: string): void;
  /** @throws BrokerError LOGIN_REQUIRED as `ask` */
  confirm(question: string): Promise<boolean>;
  /** The last words; the terminal is given back. */
  end(ok: boolean, lines: readonly string[]): void;
}

/** What every way of talking has in common. */
export interface Setting {
  readonly host: Host;
  /** As in "Login for profile billing at idp.corp.example". */
  readonly title: string;
  /** The command to log in again. */
  readonly again: string;
}

export function givenUp({ again }: Setting): BrokerError {
  return new BrokerError("LOGIN_REQUIRED", "the login was given up", { hint: again });
}

/**
 * An address as it may be shown and opened: every character that could move a cursor has become a percent escape.
 * @throws IDP_INVALID_ANSWER for anything but https, or http to loopback
 */
export function shownAddress(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === "https:" || (parsed?.protocol === "http:" && isLoopbackUrl(parsed))) return parsed.href;
  throw new BrokerError("IDP_INVALID_ANSWER", "the identity provider names a page to open that is not https");
}

export interface PrintableCode extends DeviceCode {
  readonly completeUrl: string | undefined;
}

/** @throws IDP_INVALID_ANSWER as {@link shownAddress} */
export function printableCode(code: DeviceCode, printable: (text: string, length: number) => string): PrintableCode {
  return {
    userCode: printable(code.userCode, 60),
    verificationUrl: shownAddress(code.verificationUrl),
    completeUrl: code.completeUrl === undefined ? undefined : shownAddress(code.completeUrl),
    expiresAtMs: code.expiresAtMs,
  };
}
