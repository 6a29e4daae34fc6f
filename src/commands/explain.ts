import { explainOidc } from "../assertion/explain-oidc.ts";
import { explainSaml } from "../assertion/explain-saml.ts";
import { checkTrustPolicy } from "../assertion/explain-trust.ts";
import type { Explanation, Finding } from "../assertion/finding.ts";
import { fetchProof } from "../broker/prove.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Host } from "../host/host.ts";
import type { CommandModule } from "./command.ts";
import { profileOf } from "./profile-options.ts";
import { wantsJson } from "./report-options.ts";
import { wrapped } from "./wrapped.ts";

/** AWS's own bound is 8,192 characters, and `get-role` prints more than the policy. */
const MAX_POLICY_BYTES = 128 * 1024;
const WIDTH = 100;

export const run: CommandModule["run"] = async (host, parsed) => {
  const { options } = parsed;
  const resolved = await profileOf(host, parsed);
  const file = options["trust-policy"];
  const trustPolicy = typeof file === "string" ? readTrustPolicy(host, file) : undefined;
  const proof = await fetchProof(host, resolved);
  const { profile } = resolved;
  const now = { nowMs: host.clock.nowMs(), skewMs: host.http.skewMs() };
  const explainOptions = { profile, now, ...(trustPolicy === undefined ? {} : { trustPolicy }) };
  const explanation =
    proof.kind === "oidc" ? explainOidc(proof.token, explainOptions) : await explainSaml(proof, explainOptions);
  const taken = !explanation.findings.some(({ verdict }) => verdict === "no");
  const report = { profile: printable(profile.name, 80), kind: proof.kind, name: printable(proof.name), taken };
  host.streams.writeOut(wantsJson(parsed) ? asJson(report, explanation) : asText(report, explanation));
  return taken ? EXIT.done : EXIT.refused;
};

interface Report {
  readonly profile: string;
  readonly kind: string;
  readonly name: string;
  readonly taken: boolean;
}

/** @throws BrokerError USAGE, CONFIG_INVALID */
function readTrustPolicy(host: Host, file: string): unknown {
  const shown = printable(file, 200);
  let bytes: Uint8Array | undefined;
  try {
    bytes = host.files.read(file, MAX_POLICY_BYTES);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new BrokerError("USAGE", `the trust policy ${shown} cannot be read (${code})`, { cause });
  }
  if (bytes === undefined) throw new BrokerError("USAGE", `there is no file ${shown}`);
  let policy: unknown;
  try {
    policy = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new BrokerError("CONFIG_INVALID", `the trust policy ${shown} is not JSON`, {
      hint: "aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument > trust.json",
    });
  }
  checkTrustPolicy(policy);
  return policy;
}

function asJson({ taken, ...report }: Report, { says, findings }: Explanation): string {
  const verdict = taken ? "nothing against it" : "would be refused";
  const facts = says.map(([label, value]) => ({ label, value }));
  return `${JSON.stringify({ ...report, verdict, says: facts, findings }, null, 2)}\n`;
}

function asText({ profile, kind, name, taken }: Report, { says, findings }: Explanation): string {
  const lines = [`profile ${profile}: ${name} (${kind === "oidc" ? "OIDC" : "SAML"})`];
  if (says.length > 0) lines.push("", "What it says", ...aligned(says));
  lines.push("", "Would AWS take it?", ...findings.flatMap(findingLines));
  const against = findings.filter(({ verdict }) => verdict === "no").length;
  const open = findings.filter(({ verdict }) => verdict === "unknown").length;
  lines.push(
    "",
    taken
      ? `Nothing is against it${open === 0 ? "" : `; ${open} ${open === 1 ? "point is" : "points are"} AWS's to judge`}.`
      : `AWS would refuse it: ${against} ${against === 1 ? "point is" : "points are"} against it.`,
  );
  return `${lines.join("\n")}\n`;
}

function aligned(says: Explanation["says"]): string[] {
  const width = Math.min(60, Math.max(...says.map(([label]) => label.length)));
  return says.map(([label, value]) => `  ${label.padEnd(width)}  ${value.replaceAll("\n", "\n  ")}`);
}

const MARKS = { ok: "ok     ", no: "no     ", unknown: "unknown" } as const;

function findingLines({ point, verdict, detail, hint }: Finding): string[] {
  const line = `  ${MARKS[verdict]}  ${printable(point, 60)}: ${printable(detail, 1200)}`;
  return [
    ...wrapped(line, "           ", WIDTH),
    ...(hint === undefined ? [] : wrapped(`           hint: ${printable(hint, 600)}`, "                 ", WIDTH)),
  ];
}
