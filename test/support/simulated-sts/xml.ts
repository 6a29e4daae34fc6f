/** Answers of the query protocol, in the shape that AWS gives them. */
import type { XmlFields } from "./types.ts";

const NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/";

/** A success: `<ActionResponse><ActionResult>…`. */
export function successXml(action: string, result: XmlFields, requestId: string): string {
  return [
    `<${action}Response xmlns="${NAMESPACE}">`,
    `  <${action}Result>`,
    ...fields(result, "    "),
    `  </${action}Result>`,
    "  <ResponseMetadata>",
    `    <RequestId>${requestId}</RequestId>`,
    "  </ResponseMetadata>",
    `</${action}Response>`,
    "",
  ].join("\n");
}

/** A refusal; 4xx is the sender's fault, 5xx the receiver's. */
export function errorXml(code: string, message: string, status: number, requestId: string): string {
  return [
    `<ErrorResponse xmlns="${NAMESPACE}">`,
    "  <Error>",
    `    <Type>${status < 500 ? "Sender" : "Receiver"}</Type>`,
    `    <Code>${escapeXml(code)}</Code>`,
    `    <Message>${escapeXml(message)}</Message>`,
    "  </Error>",
    `  <RequestId>${requestId}</RequestId>`,
    "</ErrorResponse>",
    "",
  ].join("\n");
}

function fields(content: XmlFields, indent: string): string[] {
  return Object.entries(content).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (typeof value !== "object") return [`${indent}<${name}>${escapeXml(String(value))}</${name}>`];
    return [`${indent}<${name}>`, ...fields(value, `${indent}  `), `${indent}</${name}>`];
  });
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
