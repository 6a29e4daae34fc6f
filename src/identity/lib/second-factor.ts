import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";

/** For a machine or a service account this cannot be mended here. @param what as in "Duo" */
export function secondFactorNeeded(idp: string, what: string): BrokerError {
  return new BrokerError("LOGIN_REQUIRED", `${idp} asks for a second factor (${printable(what, 60)})`, {
    hint: "a person may use login (sts-broker login); a service account has to be exempt from it at the IdP",
  });
}
