import { printable } from "../../core/printable.ts";
import { onlyChild, type XmlElement } from "./xml-source.ts";

const PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol";
const PREFIX = "urn:oasis:names:tc:SAML:2.0:status:";

/** What a samlp:Response says of itself. Every text printable. */
export interface SamlStatus {
  /** The innermost status code without SAML's own prefix: "Success", "AuthnFailed", "RequestDenied", … */
  readonly code: string;
  /** StatusMessage; "" without one. */
  readonly message: string;
}

/** @see SAML 2.0 core §3.2.2 */
export function samlStatus(response: XmlElement): SamlStatus {
  const status = onlyChild(response, PROTOCOL, "Status");
  let code = "";
  for (let one = onlyChild(status, PROTOCOL, "StatusCode"); one !== undefined; ) {
    code = one.attributes.Value ?? "";
    one = onlyChild(one, PROTOCOL, "StatusCode");
  }
  return {
    code: printable(code.startsWith(PREFIX) ? code.slice(PREFIX.length) : code, 80),
    message: printable(onlyChild(status, PROTOCOL, "StatusMessage")?.text ?? ""),
  };
}
