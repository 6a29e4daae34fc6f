import { EXIT } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { rfc3339, spoken } from "../../core/time.ts";
import type { PeerChain } from "../../host/host.ts";
import type { Check, DoctorContext, Server } from "../check.ts";
import { type Finding, failed, ofError, ok, skipped, warning } from "../finding.ts";
import { isAwsHost } from "../servers.ts";

const HANDSHAKE_MS = 8_000;
const SOON_MS = 30 * 86_400_000;

/** Who vouches for each server, until when, and whether somebody in between answers in its name. */
export const certificates: Check = {
  id: "certificates",
  title: "certificates",
  network: true,
  async run(context) {
    const found = await Promise.all(context.servers.map((server) => judged(server, context)));
    return found.length > 0 ? found.flat() : [skipped("no server is known")];
  },
};

async function judged(server: Server, { host }: DoctorContext): Promise<Finding[]> {
  const { url, tls, about } = server;
  const name = printable(server.host, 120);
  if (new URL(url).protocol !== "https:") return [ok(`${name} is asked over plain http on this machine itself`, about)];
  try {
    const chain = await host.probe.certificates(url, tls, HANDSHAKE_MS);
    return [...trustLines(server, chain), ...expiryLines(server, chain, host.clock.nowMs())];
  } catch (error) {
    return [ofError(error, about)];
  }
}

function trustLines({ host, role, about }: Server, { certificates: shown, publicRoot, problem }: PeerChain): Finding[] {
  const name = printable(host, 120);
  const way = [shown[0]?.subject, ...shown.map(({ issuer }) => issuer)]
    .filter((one, index, all) => one !== all[index - 1])
    .map((one) => `"${printable(one, 80)}"`)
    .join(" <- ");
  const authority = printable(shown.at(-1)?.issuer, 80);
  const setting = role === "STS" ? "AWS_CA_BUNDLE" : "ca_file of the identity";
  if (problem !== undefined) {
    const who = role === "STS" && isAwsHost(bareHost(host)) ? `tls interception by "${authority}"? ` : "";
    return [failed(`${who}${problem.message}; it shows ${way}`, problem.hint, about, EXIT.unreachable)];
  }
  // Nobody but AWS answers for AWS, and its certificates end at an authority that every browser knows.
  if (role === "STS" && isAwsHost(bareHost(host)) && publicRoot === "no")
    return [
      warning(
        `tls interception by "${authority}": ${name} shows ${way}, which this machine trusts and no browser elsewhere would; who runs it reads the credentials`,
        `ask for ${name} to be left out of the interception, or set ${setting}=/path/to/aws-only-bundle.pem to refuse it`,
        about,
      ),
    ];
  const whose = publicRoot === "no" ? ", an authority of your own company's or of who intercepts TLS" : "";
  return [ok(`${name} shows ${way}${whose}`, about)];
}

function expiryLines({ host, about }: Server, { certificates: shown, problem }: PeerChain, nowMs: number): Finding[] {
  const [soonest] = [...shown].sort((a, b) => a.notAfterMs - b.notAfterMs);
  if (problem !== undefined || soonest === undefined || !(soonest.notAfterMs - nowMs < SOON_MS)) return [];
  const line = `the certificate of "${printable(soonest.subject, 80)}" ends in ${spoken(soonest.notAfterMs - nowMs)}, at ${rfc3339(soonest.notAfterMs)}`;
  return [warning(line, `have who runs ${printable(host, 120)} renew it`, about)];
}

function bareHost(host: string): string {
  return host.replace(/:\d+$/, "");
}
