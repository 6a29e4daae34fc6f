import { BrokerError } from "../core/errors.ts";
import type { PaceOf } from "../core/pacing.ts";
import { printable } from "../core/printable.ts";
import { mayBeRepeated } from "../core/repeatable.ts";
import { LONGEST_WAIT_MS, retryAfterMs } from "../core/retry-after.ts";
import { spoken } from "../core/time.ts";
import type { Host, Http, HttpRequest, HttpResponse } from "../host/host.ts";
import type { Asking } from "./asking.ts";

/** The first try included, as for STS. */
const TRIES = 6;
const BASE_MS = 200;
const CAP_MS = 4_000;
/** A request that has less left than this is not worth repeating. */
const MIN_REQUEST_MS = 500;

/**
 * The HTTP stack as identity sources get it: it asks no server before its time, and a busy one again where that is harmless. So throttling
 * is judged in one place for discovery, tokens, login pages, metadata, ECP and WS-Trust alike.
 *
 * A request throws THROTTLED for 429, and for 503 with Retry-After, when the answer stands; everything else is handed on.
 *
 * @param deadlineMs on `host.clock.monotonicMs()`
 */
export function pacedHttp(host: Host, paceOf: PaceOf, deadlineMs: number, asking?: Asking): Http {
  const { http, clock, log } = host;

  const request = async (wanted: HttpRequest): Promise<HttpResponse> => {
    // What is not a URL is the HTTP stack's to refuse.
    if (!URL.canParse(wanted.url)) return http.request(wanted);
    const { host: endpoint } = new URL(wanted.url);
    const pace = paceOf(endpoint);
    for (let tries = 1; ; tries++) {
      await pace.turn({ deadlineMs, signal: wanted.signal });
      const onSent = (): void => {
        wanted.onSent?.();
        asking?.sent();
      };
      const answering = http.request({ ...wanted, onSent });
      asking?.begun();
      const answer = await answering;
      const askedMs = retryAfterMs(answer.headers, clock.nowMs());
      if (!isBusy(answer, askedMs)) {
        if (answer.status < 500) await pace.answered();
        return answer;
      }
      await pace.throttled(askedMs);
      const throttled = throttledBy(endpoint, answer, askedMs, tries);
      // In part for the server's sake (full jitter), in part as turn() has it.
      const delayMs = Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** tries);
      const endsMs = clock.monotonicMs() + delayMs + (askedMs ?? 0);
      if (!mayBeRepeated(wanted) || tries >= TRIES || endsMs > deadlineMs - MIN_REQUEST_MS) throw throttled;
      if (!(await pace.mayRetry())) throw throttled;
      log.debug("idp", `${printable(endpoint, 120)}: HTTP ${answer.status}, asked again in ${Math.round(delayMs)} ms`);
      await clock.sleep(delayMs, wanted.signal);
    }
  };
  return { request, skewMs: () => http.skewMs() };
}

function isBusy({ status }: HttpResponse, askedMs: number | undefined): boolean {
  return status === 429 || (status === 503 && askedMs !== undefined);
}

function throttledBy(
  endpoint: string,
  { status }: HttpResponse,
  askedMs: number | undefined,
  tries: number,
): BrokerError {
  const wish = askedMs === undefined ? "" : `, and asks to wait ${spoken(askedMs)}`;
  const line = `${printable(endpoint, 120)} throttles (HTTP ${status})${wish}${tries > 1 ? `, after ${tries} tries` : ""}`;
  return new BrokerError("THROTTLED", line, {
    hint: "wait and try again, or ask who runs it for a higher limit",
    ...(askedMs === undefined ? {} : { retryAfterMs: Math.min(LONGEST_WAIT_MS, askedMs) }),
  });
}
