/**
 * The unsigned calls of STS through the AWS SDK, of which only the protocol is wanted: serialising, the endpoint rules, the parser.
 * Nothing ambient is read. Each option of `stsClient` keeps the SDK from looking into the environment or ~/.aws by itself, where a
 * credential_process of the same profile may lead straight back to us.
 */
import {
  type AssumeRoleWithSAMLResponse,
  type AssumeRoleWithWebIdentityResponse,
  STSClient,
} from "@aws-sdk/client-sts";
import { BrokerError } from "../core/errors.ts";
import type { PaceOf } from "../core/pacing.ts";
import { printable } from "../core/printable.ts";
import type { RoledProfile, SessionCredentials, StsSettings } from "../core/types.ts";
import type { Host, HttpResponse } from "../host/host.ts";
import { answerDetails, type ForeignAnswer, foreignAnswer, type StsFailure, withoutTokens } from "./answer.ts";
import type { Facts } from "./circumstances.ts";
import { sessionCredentials } from "./credentials.ts";
import { checkedRegion, customEndpoint } from "./endpoint.ts";
import { judge } from "./judge.ts";
import { type Sent, withRetries } from "./retry.ts";
import { sdkHttp } from "./sdk-http.ts";
import { stsEndpoint } from "./sts-endpoint.ts";

export interface ExchangeOptions {
  readonly host: Pick<Host, "http" | "clock" | "crypto" | "log">;
  readonly signal?: AbortSignal | undefined;
  /** On `host.clock.monotonicMs()`. */
  readonly deadlineMs: number;
  /** What the user's other processes know of the endpoint; without it we are alone. */
  readonly paceOf?: PaceOf | undefined;
  /** Told AWS's request id of each answer, refusals included; undefined where an answer has none. */
  readonly onAnswer?: ((requestId: string | undefined) => void) | undefined;
}

/** One of STS's actions that redeem a proof. */
export interface StsCall {
  readonly action: "AssumeRoleWithWebIdentity" | "AssumeRoleWithSAML";
  /** What the proof says, for whoever has to explain a refusal. */
  readonly facts: Facts;
  /** DurationSeconds, as it is asked for. */
  readonly durationSeconds: number | undefined;
  send(client: STSClient): Promise<AssumeRoleWithWebIdentityResponse | AssumeRoleWithSAMLResponse>;
}

/**
 * Sends, sends again where that may help, and judges what stands.
 *
 * @throws AssertionExpired (a BrokerError) when a new proof, fetched once, may help
 * @throws BrokerError STS_REFUSED, CONFIG_INVALID, ASSERTION_UNUSABLE, STS_INVALID_ANSWER, THROTTLED, UNREACHABLE, TIMEOUT
 */
export async function redeem(
  call: StsCall,
  profile: RoledProfile,
  options: ExchangeOptions,
): Promise<SessionCredentials> {
  const { host, signal, deadlineMs, paceOf } = options;
  const { host: endpoint } = stsEndpoint(profile.sts);
  host.log.debug("sts", `${call.action} at ${endpoint} for ${printable(profile.role.arn)}`);
  const answer = await withRetries(
    (timeoutMs) => send(call, profile.sts, options, timeoutMs),
    (failure, attempts) =>
      judge(failure, {
        profile,
        facts: call.facts,
        durationSeconds: call.durationSeconds,
        endpoint,
        nowMs: host.clock.nowMs(),
        skewMs: host.http.skewMs(),
        attempts,
      }),
    { host, deadlineMs, signal, pace: paceOf?.(endpoint) },
  );
  return sessionCredentials(answer, { endpoint, nowMs: host.clock.nowMs(), skewMs: host.http.skewMs() });
}

async function send(
  call: StsCall,
  sts: StsSettings,
  { host, signal, onAnswer }: ExchangeOptions,
  timeoutMs: number,
): Promise<Sent<Awaited<ReturnType<StsCall["send"]>>>> {
  let seen: HttpResponse | undefined;
  let foreign: ForeignAnswer | undefined;
  const inspect = (response: HttpResponse): void => {
    seen = response;
    onAnswer?.(answerDetails(response, host.clock.nowMs()).requestId);
    foreign = foreignAnswer(response, host.clock.nowMs());
    if (foreign !== undefined) throw new Error("not an answer of STS");
  };
  const client = stsClient(sts, sdkHttp(host.http, { timeoutMs, signal, inspect }));
  try {
    return { ok: true, value: await call.send(client) };
  } catch (error) {
    if (error instanceof BrokerError) return { ok: false, failure: ofSts(error) };
    if (foreign !== undefined) return { ok: false, failure: foreign };
    // Aborted, or a bug of ours: nothing to judge.
    if (seen === undefined) throw error;
    return { ok: false, failure: failureOf(error, seen, host.clock.nowMs()) };
  }
}

/** The SDK's exception, taken apart and dropped: it holds the raw response, so it must not become anybody's `cause`. */
function failureOf(error: unknown, response: HttpResponse, nowMs: number): StsFailure {
  const details = answerDetails(response, nowMs);
  // Ceph's radosgw refuses as S3 does, with <Error> as the root, which the SDK does not look for.
  const bare = /^(?:<\?xml[^>]*\?>)?\s*<Error>\s*<Code>(\w{1,80})</.exec(new TextDecoder().decode(response.body))?.[1];
  const { Code = bare, message, $fault } = error as Record<string, unknown>;
  if ($fault === undefined || typeof Code !== "string" || response.status < 300)
    return { kind: "foreign", shape: "unreadable", status: response.status, ...details };
  return {
    kind: "refusal",
    code: printable(Code, 80)
      .replace(/Exception$/, "")
      .replace(/^ValidationError$/, "Validation"),
    message: message === undefined || message === "Unknown" ? "" : withoutTokens(message),
    status: response.status,
    ...details,
  };
}

/** The HTTP stack calls an oversized or broken answer the IdP's; here it is AWS's. */
function ofSts(error: BrokerError): BrokerError {
  if (error.code !== "IDP_INVALID_ANSWER") return error;
  return new BrokerError("STS_INVALID_ANSWER", error.message, { hint: error.hint, cause: error.cause });
}

/**
 * A client that reads nothing by itself.
 *
 * @see node_modules/@aws-sdk/client-sts/dist-es/runtimeConfig.js, whose every loader has its value here
 */
function stsClient(sts: StsSettings, requestHandler: ReturnType<typeof sdkHttp>): STSClient {
  const endpoint = customEndpoint(sts);
  const client = new STSClient({
    region: checkedRegion(sts),
    useFipsEndpoint: sts.useFips,
    useDualstackEndpoint: sts.useDualstack,
    ...(endpoint === undefined ? {} : { endpoint }),
    // AWS_ENDPOINT_URL_STS is the configuration's to read.
    ignoreConfiguredEndpointUrls: true,
    requestHandler,
    credentials: noCredentials,
    credentialDefaultProvider: () => noCredentials,
    authSchemePreference: ["noAuth"],
    sigv4aSigningRegionSet: [sts.region],
    defaultsMode: "standard",
    retryMode: "standard",
    // We retry ourselves: within the broker's deadline, by our own table.
    maxAttempts: 1,
    userAgentAppId: async () => undefined,
    defaultUserAgentProvider: async () => [["sts-broker"]],
  });
  // It reads AWS_LAMBDA_FUNCTION_NAME and _X_AMZN_TRACE_ID.
  client.middlewareStack.remove("recursionDetectionMiddleware");
  return client;
}

async function noCredentials(): Promise<never> {
  throw new Error("this call is not signed");
}
