import { printable } from "../core/printable.ts";
import { retryAfterMs } from "../core/retry-after.ts";
import type { HttpResponse } from "../host/host.ts";

/** STS said no, in its own XML. */
export interface StsRefusal {
  readonly kind: "refusal";
  /** As on the wire, without a trailing "Exception": "AccessDenied", "ExpiredToken". */
  readonly code: string;
  /** STS's text, printable and without anything that looks like a token. */
  readonly message: string;
  readonly status: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
}

/** An answer that is not STS's XML: a proxy's page, a captive portal, a redirect, another service. */
export interface ForeignAnswer {
  readonly kind: "foreign";
  readonly shape: "redirect" | "html" | "empty" | "not-xml" | "unreadable";
  readonly status: number;
  /** Where a redirect points, origin only. */
  readonly location?: string;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
}

export type StsFailure = StsRefusal | ForeignAnswer;

/**
 * Whether the SDK may parse this at all. Undefined: it looks like STS's XML. A DOCTYPE is refused before any parser sees it.
 */
export function foreignAnswer(response: HttpResponse, nowMs: number): ForeignAnswer | undefined {
  const shape = shapeOf(response);
  if (shape === undefined) return undefined;
  const location = shape === "redirect" ? originOf(response.headers.location, response.url) : undefined;
  return {
    kind: "foreign",
    shape,
    status: response.status,
    ...(location === undefined ? {} : { location }),
    ...answerDetails(response, nowMs),
  };
}

/** AWS's request id and the server's wish about when to come back. */
export function answerDetails(
  response: HttpResponse,
  nowMs: number,
): { readonly requestId?: string; readonly retryAfterMs?: number } {
  // Some proxies drop the header; the document says it too.
  const requestId =
    response.headers["x-amzn-requestid"] ??
    /<RequestId>([\w-]{1,80})<\/RequestId>/i.exec(new TextDecoder().decode(response.body))?.[1];
  const askedMs = retryAfterMs(response.headers, nowMs);
  return {
    ...(requestId === undefined ? {} : { requestId: printable(requestId, 80) }),
    ...(askedMs === undefined ? {} : { retryAfterMs: askedMs }),
  };
}

/** STS quotes what it was given in some messages; a token must not get into a log that way. */
export function withoutTokens(message: unknown): string {
  const text = String(message)
    .replace(/eyJ[\w-]+(\.[\w-]*)*/g, "[token]")
    .replace(/\b(?:PHNhbW|PD94b|PFJlc3)[\w+/=]*/g, "[token]")
    .replace(/[\w+/=-]{80,}/g, "[token]")
    .replace(/Value '[^']*' at '(webIdentityToken|sAMLAssertion)'/gi, "Value '[token]' at '$1'");
  return printable(text);
}

function shapeOf({ status, body }: HttpResponse): ForeignAnswer["shape"] | undefined {
  if (status >= 300 && status < 400) return "redirect";
  const text = new TextDecoder().decode(body);
  if (text.trim() === "") return "empty";
  const root = /^\s*(?:<\?xml[^>]*\?>\s*)?<([A-Za-z][\w:.-]*)/.exec(text)?.[1];
  if (/<!doctype\s+html|<html[\s>]/i.test(text.slice(0, 4096)) || root?.toLowerCase() === "html") return "html";
  return root === undefined || /<!(DOCTYPE|ENTITY)/i.test(text) ? "not-xml" : undefined;
}

function originOf(location: string | undefined, base: string): string | undefined {
  try {
    return location === undefined ? undefined : printable(new URL(location, base).origin, 100);
  } catch {
    return undefined;
  }
}
