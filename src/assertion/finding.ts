import { BrokerError } from "../core/errors.ts";
import { rfc3339, spoken } from "../core/time.ts";

/** Would AWS take it, in one respect? "unknown" is what cannot be seen from here. */
export interface Finding {
  /** A word or two: "audience", "recipient". */
  readonly point: string;
  readonly verdict: "ok" | "no" | "unknown";
  /** One line that stands alone when it is a "no": it becomes an error's message. */
  readonly detail: string;
  /** A command to run or a setting to change. */
  readonly hint?: string | undefined;
}

/** What is in a token or a response and what AWS would make of it. */
export interface Explanation {
  /** What it says, line by line; never the signature, never the whole. */
  readonly says: readonly (readonly [label: string, value: string])[];
  readonly findings: readonly Finding[];
}

/** Clocks of well-kept machines differ by seconds; what comes from the IdP's own present is not "not yet valid". */
export const LEEWAY_MS = 60_000;

/** Now, on two clocks. */
export interface Now {
  readonly nowMs: number;
  /** How far the servers' clocks are ahead of ours, when known. */
  readonly skewMs: number | undefined;
}

export function trueNowMs({ nowMs, skewMs }: Now): number {
  return nowMs + (skewMs ?? 0);
}

/** The second half of every complaint about time. */
export function clockSays({ nowMs, skewMs }: Now): string {
  const clock = `this machine's clock says ${rfc3339(nowMs)}`;
  if (skewMs === undefined || Math.abs(skewMs) < LEEWAY_MS) return clock;
  return `${clock}, ${spoken(skewMs)} ${skewMs > 0 ? "behind" : "ahead of"} the servers`;
}

/** Nothing where no server has told us its time yet. */
export function clockFindings({ skewMs }: Now): Finding[] {
  if (skewMs === undefined) return [];
  const point = "clock";
  if (Math.abs(skewMs) < LEEWAY_MS)
    return [{ point, verdict: "ok", detail: "this machine's agrees with the servers'" }];
  return [
    {
      point,
      verdict: "ok",
      detail: `this machine's is ${spoken(skewMs)} ${skewMs > 0 ? "behind" : "ahead of"} the servers', which was reckoned with`,
      hint: "timedatectl set-ntp true",
    },
  ];
}

export function unusable(message: string, hint?: string): BrokerError {
  return new BrokerError("ASSERTION_UNUSABLE", message, { hint });
}

/** What a check that throws says, as a finding. */
export function attempt(point: string, check: () => string): Finding {
  try {
    return { point, verdict: "ok", detail: check() };
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return refusal(point, error);
  }
}

export function refusal(point: string, { message, hint }: BrokerError): Finding {
  return { point, verdict: "no", detail: message, hint };
}
