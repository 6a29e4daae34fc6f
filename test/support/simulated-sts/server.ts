/**
 * A simulated AWS STS. It answers as the real one by its documented rules, and verifies for real: the token's signature through the
 * issuer's published keys, a SAML response through xmlsec1, a trust policy document, SigV4 with the credentials that it minted itself.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createFaultPlan, playFault } from "../faults.ts";
import { listen } from "../listening-server.ts";
import { findAction } from "./actions/registry.ts";
import { type Controls, codeOfFault, createControls } from "./controls.ts";
import { createCredentialBook } from "./credentials.ts";
import { checkTrustPolicy } from "./policy.ts";
import { checkVersion, parseQuery, type QueryRequest, readBody } from "./query.ts";
import { authenticate } from "./sigv4.ts";
import { StsError } from "./sts-error.ts";
import type { Account, SimulatedStsOptions } from "./types.ts";
import { errorXml, successXml } from "./xml.ts";

/** One call, as answered. */
export interface LoggedCall {
  readonly action: string;
  readonly params: Readonly<Record<string, string>>;
  /** Whether the request carried an Authorization header; a web identity is exchanged without. */
  readonly authorized: boolean;
  /** `"OK"`, AWS's error code, or the fault that was played (`hang`, `reset`, `html`); empty while there is no answer. */
  code: string;
  readonly userAgent: string;
  /** By the simulator's clock. */
  readonly atMs: number;
}

/** A running simulator. */
export interface SimulatedSts extends Controls {
  readonly url: string;
  readonly port: number;
  /** Providers, roles, users and minted credentials; arrays may be changed while it runs. */
  readonly account: Account;
  readonly calls: readonly LoggedCall[];
  count(action?: string): number;
  /** Accepted since the start, used or not. */
  connections(): number;
  /** Lies about time: moves the `Date` header and the clock by which it judges expiry and signatures. */
  setDateSkewMs(ms: number): void;
  close(): Promise<void>;
}

/** Starts one. */
export async function startSimulatedSts(options: SimulatedStsOptions = {}): Promise<SimulatedSts> {
  let dateSkewMs = 0;
  const clock = options.clock ?? Date.now;
  const account: Account = {
    providers: [...(options.providers ?? [])],
    samlProviders: [...(options.samlProviders ?? [])],
    roles: [...(options.roles ?? [])],
    users: [...(options.users ?? [])],
    credentials: createCredentialBook(options.sessionTokenLength ?? 1200),
    issuers: {
      ca: options.issuerCa,
      hosts: { ...options.issuerHosts },
      fetched: [],
      failureCode: "InvalidIdentityToken",
    },
    nowMs: () => clock() + dateSkewMs,
  };
  for (const role of account.roles) checkTrustPolicy(role.trustPolicy);
  const plan = createFaultPlan();
  const calls: LoggedCall[] = [];

  const server = await listen(async (req, res) => {
    const requestId = randomUUID();
    res.setHeader("date", new Date(account.nowMs()).toUTCString());
    res.setHeader("x-amzn-requestid", requestId);
    const body = await readBody(req).catch(() => undefined);
    if (body === undefined) return void res.destroy();
    const query = parseQuery(req, body);
    const call = logCall(req, query, account.nowMs());
    calls.push(call);
    const fault = plan.take(query.action);
    if (fault !== undefined) {
      call.code = codeOfFault(fault);
      if ((await playFault(fault, res)) === "done") return;
    }
    const answer = await runAction(req, body, query, account, requestId);
    call.code = answer.code;
    send(res, answer.status, answer.xml);
  }, options.tls);

  return {
    ...createControls(plan),
    url: server.url,
    port: server.port,
    account,
    calls,
    count: (action) => calls.filter((call) => action === undefined || call.action === action).length,
    connections: server.connections,
    setDateSkewMs: (ms) => {
      dateSkewMs = ms;
    },
    close: server.close,
  };
}

function logCall(req: IncomingMessage, query: QueryRequest, atMs: number): LoggedCall {
  return {
    action: query.action,
    params: Object.fromEntries(query.params),
    authorized: req.headers.authorization !== undefined,
    code: "",
    userAgent: req.headers["user-agent"] ?? "",
    atMs,
  };
}

async function runAction(req: IncomingMessage, body: Buffer, query: QueryRequest, account: Account, requestId: string) {
  const action = findAction(query.action);
  const signed = { method: req.method ?? "", target: req.url ?? "/", headers: req.headers, body };
  try {
    checkVersion(query, action !== undefined);
    const result = await action?.({ params: query.params, account, authenticate: () => authenticate(signed, account) });
    return { code: "OK", status: 200, xml: successXml(query.action, result ?? {}, requestId) };
  } catch (error) {
    // A bug of the simulator's own must not look like a refusal that a test expects.
    const { code, message, status } =
      error instanceof StsError ? error : { code: "SimulatorBug", message: String(error), status: 501 };
    return { code, status, xml: errorXml(code, message, status, requestId) };
  }
}

function send(res: ServerResponse, status: number, xml: string): void {
  if (res.destroyed) return;
  res.writeHead(status, { "content-type": "text/xml", "content-length": Buffer.byteLength(xml) }).end(xml);
}
