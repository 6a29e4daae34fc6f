/** What a test may switch at the simulated STS: faults in AWS's terms, by action or for all. */
import { randomUUID } from "node:crypto";
import type { Fault, FaultPlan } from "../faults.ts";
import { errorXml } from "./xml.ts";

/** For how many calls, and for which action; without `times` a fault stands until `clear`. */
export interface FaultScope {
  readonly times?: number;
  readonly action?: string;
}

export interface Controls {
  /** The next `times` calls get 400 Throttling "Rate exceeded". */
  throttle(times: number, options?: { readonly retryAfterSeconds?: number; readonly action?: string }): void;
  /** An HTTP status such as 500 or 503 with AWS's error document. */
  status(status: number, scope?: FaultScope): void;
  /** Takes calls and never answers. */
  stall(scope?: FaultScope): void;
  /** Resets the connection instead of answering. */
  cut(scope?: FaultScope): void;
  /** Answers correctly, but late. */
  delay(ms: number, scope?: FaultScope): void;
  /** A web page with status 200, as an intercepting proxy sends. */
  html(scope?: FaultScope): void;
  /** Any AWS error; `status` defaults to 400. */
  respond(code: string, message: string, status?: number, scope?: FaultScope): void;
  /** Ends all faults. */
  clear(): void;
}

/** Binds the controls to a fault plan. */
export function createControls(plan: FaultPlan): Controls {
  const put = (fault: Fault, { times, action = "*" }: FaultScope = {}): void => {
    if (times === undefined) plan.always(action, fault);
    else plan.next(action, fault, times);
  };
  return {
    throttle: (times, { retryAfterSeconds, action } = {}) => {
      const extra = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
      put(errorFault("Throttling", "Rate exceeded", 400, extra), scopeOf(times, action));
    },
    status: (status, scope) => put(errorFault(codeOf(status), "We encountered an internal error.", status), scope),
    stall: (scope) => put({ kind: "hang" }, scope),
    cut: (scope) => put({ kind: "reset" }, scope),
    delay: (ms, scope) => put({ kind: "delay", ms }, scope),
    html: (scope) => put({ kind: "html" }, scope),
    respond: (code, message, status = 400, scope = {}) => put(errorFault(code, message, status), scope),
    clear: () => plan.clear(),
  };
}

/** What the call log says about a fault: AWS's code where the answer had one, else the fault's kind. */
export function codeOfFault(fault: Fault): string {
  const code = fault.kind === "status" ? /<Code>(.*?)<\/Code>/.exec(fault.body ?? "")?.[1] : undefined;
  return code ?? fault.kind;
}

function scopeOf(times: number, action: string | undefined): FaultScope {
  return action === undefined ? { times } : { times, action };
}

function codeOf(status: number): string {
  if (status === 503) return "ServiceUnavailable";
  return status >= 500 ? "InternalFailure" : "Throttling";
}

function errorFault(code: string, message: string, status: number, extra: Record<string, string> = {}): Fault {
  const requestId = randomUUID();
  const headers = { "content-type": "text/xml", "x-amzn-requestid": requestId, ...extra };
  return { kind: "status", status, body: errorXml(code, message, status, requestId), headers };
}
