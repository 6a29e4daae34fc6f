import type { Host, TlsSettings } from "../../host/host.ts";

/**
 * The one HTTP stack in the shape of fetch, as openid-client wants it. Redirects come back as answers.
 * @param repeatable of POST requests; default false
 * @param timeoutMs of each request; default: the HTTP stack's
 */
export function fetchAdapter(
  host: Host,
  tls: TlsSettings,
  signal: AbortSignal,
  repeatable = false,
  timeoutMs?: number,
): (url: string, options: { method?: string; headers?: Record<string, string>; body?: unknown }) => Promise<Response> {
  return async (url, { method, headers, body }) => {
    const answer = await host.http.request({
      url,
      method: method === "POST" ? "POST" : "GET",
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined || body === null ? {} : { body: String(body) }),
      tls,
      // All that openid-client gets is what providers publish.
      ...(method === "POST" ? { repeatable } : { keepable: true }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      signal,
    });
    // Statuses that must not have a body refuse even an empty one.
    const empty = answer.status === 204 || answer.status === 205 || answer.status === 304;
    return new Response(empty ? null : Buffer.from(answer.body), { status: answer.status, headers: answer.headers });
  };
}
