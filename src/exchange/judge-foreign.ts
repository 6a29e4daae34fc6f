/** What an answer that is not STS's means: a proxy's page, a captive portal, a redirect, another service. */
import type { ForeignAnswer } from "./answer.ts";
import { type Circumstances, type Verdict, wish } from "./circumstances.ts";

export function foreignVerdict(answer: ForeignAnswer, at: Circumstances): Verdict {
  if (answer.status === 429)
    return {
      code: "THROTTLED",
      text: `${at.endpoint} throttles (HTTP 429)${wish(answer)}`,
      hint: "wait and try again",
    };
  if (answer.status >= 500)
    return {
      code: "UNREACHABLE",
      text: `${at.endpoint}, or a proxy before it, failed with HTTP ${answer.status}`,
      hint: "try again later; if it lasts, check HTTPS_PROXY and NO_PROXY",
    };
  if (answer.shape === "redirect")
    return notSts(
      `redirects (HTTP ${answer.status}${answer.location === undefined ? "" : ` to ${answer.location}`}), which AWS STS never does`,
      at,
    );
  const what = {
    html: "answered with a web page",
    empty: "answered with nothing",
    "not-xml": "answered with something other than STS's XML",
    unreadable: "answered with XML that cannot be read",
  }[answer.shape];
  return notSts(`${what} (HTTP ${answer.status})`, at);
}

export function notSts(text: string, { endpoint, profile }: Circumstances): Verdict {
  const custom = profile.sts.endpointUrl !== undefined;
  return {
    code: "STS_INVALID_ANSWER",
    text: `${endpoint} ${text}: ${custom ? "the endpoint is no STS" : "a proxy or a captive portal stands between this machine and AWS"}`,
    hint: custom
      ? "check the STS endpoint: endpoint_url of the profile, AWS_ENDPOINT_URL_STS"
      : `check HTTPS_PROXY and NO_PROXY: curl -sS https://${endpoint}/`,
  };
}
