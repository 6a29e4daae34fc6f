import { EXIT } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { stsEndpoint } from "../../exchange/sts-endpoint.ts";
import type { HttpResponse } from "../../host/host.ts";
import type { Check, DoctorContext, Server } from "../check.ts";
import { type Finding, failed, ofError, ok, skipped } from "../finding.ts";

/** Whether what answers at the endpoint is STS: an unsigned question is refused as only STS refuses it. No credentials are asked for. */
export const sts: Check = {
  id: "sts",
  title: "STS",
  network: true,
  async run(context) {
    const wrong = context.profiles.flatMap(({ profile }): Finding[] => {
      try {
        stsEndpoint(profile.sts);
        return [];
      } catch (error) {
        return [ofError(error, { profile: profile.name })];
      }
    });
    const servers = context.servers.filter(({ role }) => role === "STS");
    const found = [...wrong, ...(await Promise.all(servers.map((server) => asked(server, context))))];
    return found.length > 0 ? found : [skipped("no profile says which STS to ask")];
  },
};

async function asked({ url, host, tls, about }: Server, { get }: DoctorContext): Promise<Finding> {
  const name = printable(host, 120);
  const answer = await get(url, tls);
  if (!answer.ok) return ofError(answer.error, about);
  const { response } = answer;
  const code = refusalIn(response);
  if (code !== undefined) return ok(`${name} answers as STS does: an unsigned call is ${code}`, about);
  const { status, headers } = response;
  const type = printable(headers["content-type"] ?? "no content type", 60);
  return failed(
    `${name} does not answer as STS does (HTTP ${status}, ${type})`,
    "check endpoint_url, region and AWS_ENDPOINT_URL_STS: something else answers there, a proxy or a portal",
    about,
    EXIT.unreachable,
  );
}

function refusalIn({ status, body }: HttpResponse): string | undefined {
  if (status < 400 || status >= 500) return undefined;
  const text = new TextDecoder().decode(body.subarray(0, 16 * 1024));
  return /^\s*(?:<\?xml[^>]*\?>)?\s*<(?:ErrorResponse|Error)\b[\s\S]*<Code>(\w{1,80})<\/Code>/.exec(text)?.[1];
}
