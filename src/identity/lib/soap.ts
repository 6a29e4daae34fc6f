/** SOAP 1.1 and 1.2 envelopes, out and in. What comes in is read strictly; what goes out is escaped here and nowhere else. */
import { BrokerError } from "../../core/errors.ts";
import { hasControlCharacter, printable } from "../../core/printable.ts";
import type { HttpResponse } from "../../host/host.ts";
import { childrenOf, escapeXml, onlyChild, readXml, type XmlElement, XmlRefused, xmlText } from "./xml-source.ts";

export const SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/";
export const SOAP_12 = "http://www.w3.org/2003/05/soap-envelope";

export interface SoapAnswer {
  /** As it came, for {@link cutOut}. */
  readonly source: string;
  readonly header: XmlElement | undefined;
  readonly body: XmlElement;
  readonly fault: SoapFault | undefined;
}

/** A refusal, every text printable. */
export interface SoapFault {
  /** The innermost code without its prefix, as in "FailedAuthentication"; "Sender" or "Client" where there is no subcode. */
  readonly code: string;
  readonly reason: string;
}

/** Text for an element or attribute. @throws CONFIG_INVALID naming `what`, never quoting the text */
export function xmlValue(text: string, what: string): string {
  if (hasControlCharacter(text)) {
    throw new BrokerError("CONFIG_INVALID", `${what} holds a control character, which XML cannot carry`);
  }
  return escapeXml(text);
}

/**
 * @param namespaces further ones to declare on the Envelope, by prefix
 * @param header and `body` XML, already escaped
 */
export function envelope(
  version: typeof SOAP_11 | typeof SOAP_12,
  namespaces: Readonly<Record<string, string>>,
  header: string,
  body: string,
): string {
  const declared = Object.entries({ s: version, ...namespaces }).map(([prefix, uri]) => ` xmlns:${prefix}="${uri}"`);
  return `<s:Envelope${declared.join("")}><s:Header>${header}</s:Header><s:Body>${body}</s:Body></s:Envelope>`;
}

/**
 * An answer as an envelope; undefined where it is none (a web page, nothing).
 *
 * @param who is named in errors, as in "AD FS at https://adfs.corp.example"
 * @throws IDP_INVALID_ANSWER for XML that is refused, or an envelope that SOAP does not know
 */
export function readSoap(response: HttpResponse, who: string): SoapAnswer | undefined {
  const type = response.headers["content-type"] ?? "";
  try {
    const source = xmlText(response.body);
    // A web page is nobody's malformed XML.
    if (/\bhtml\b/i.test(type) || !/^\s*</.test(source) || /^\s*(?:<!DOCTYPE\s+html|<html)/i.test(source))
      return undefined;
    const root = readXml(source);
    if (root.name !== "Envelope" || (root.namespace !== SOAP_11 && root.namespace !== SOAP_12)) return undefined;
    const [body, ...others] = childrenOf(root, root.namespace, "Body");
    if (body === undefined || others.length > 0) throw new XmlRefused("its envelope has no Body, or several");
    const fault = onlyChild(body, root.namespace, "Fault");
    return {
      source,
      header: onlyChild(root, root.namespace, "Header"),
      body,
      fault: fault === undefined ? undefined : readFault(fault),
    };
  } catch (error) {
    if (!(error instanceof XmlRefused)) throw error;
    throw new BrokerError(
      "IDP_INVALID_ANSWER",
      `the answer of ${who} (HTTP ${response.status}) is refused: ${error.message}`,
    );
  }
}

/** @see SOAP 1.1 §4.4, SOAP 1.2 Part 1 §5.4 */
function readFault(fault: XmlElement): SoapFault {
  const version = fault.namespace;
  if (version === SOAP_11) {
    return {
      code: localName(onlyChild(fault, "", "faultcode")?.text),
      reason: printable(onlyChild(fault, "", "faultstring")?.text ?? ""),
    };
  }
  let code = onlyChild(fault, version, "Code");
  for (let inner = code; inner !== undefined; inner = onlyChild(inner, version, "Subcode")) code = inner;
  const reason = onlyChild(fault, version, "Reason");
  return {
    code: localName(onlyChild(code, version, "Value")?.text),
    reason: printable(childrenOf(reason, version, "Text")[0]?.text ?? ""),
  };
}

function localName(text = ""): string {
  return printable(text.trim().replace(/^.*:/, ""), 80);
}
