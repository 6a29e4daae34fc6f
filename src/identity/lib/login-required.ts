import { BrokerError } from "../../core/errors.ts";
import type { AcquireContext } from "../source.ts";

/** Only a person can go on. @param message one line, printable */
export function loginRequired({ loginHint }: Pick<AcquireContext, "loginHint">, message: string): BrokerError {
  return new BrokerError("LOGIN_REQUIRED", message, { hint: loginHint ?? "sts-broker login" });
}
