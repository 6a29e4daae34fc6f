import { fetchProof } from "../broker/prove.ts";
import type { Resolved } from "../config/resolve.ts";
import { EXIT } from "../core/errors.ts";
import type { Host } from "../host/host.ts";
import { TRUST_FORMATS, type TrustFormat } from "../trust/format-names.ts";
import { TRUST_RENDERERS } from "../trust/formats/registry.ts";
import { oidcTrustPlan } from "../trust/oidc.ts";
import type { TrustPlan } from "../trust/plan.ts";
import { samlTrustPlan } from "../trust/saml.ts";
import type { CommandModule } from "./command.ts";
import { profileOf } from "./profile-options.ts";

export const run: CommandModule["run"] = async (host, parsed) => {
  const { format, subject } = parsed.options;
  const resolved = await profileOf(host, parsed);
  const plan = await trustPlanOf(host, resolved, subject === true);
  const text = TRUST_RENDERERS[trustFormat(format)](plan);
  for (const warning of plan.warnings) host.log.warn(warning);
  host.streams.writeOut(text);
  return EXIT.done;
};

/** Made of a token or SAML response that is fetched now. @throws BrokerError what the source throws, CONFIG_INVALID, ASSERTION_UNUSABLE */
export async function trustPlanOf(host: Host, resolved: Resolved, subject: boolean): Promise<TrustPlan> {
  const proof = await fetchProof(host, resolved);
  if (proof.kind === "oidc") return oidcTrustPlan(proof.token, resolved.profile);
  const { metadata } = resolved.identityTable.table;
  const home = host.system.homeDir();
  const metadataFile =
    typeof metadata === "string" && home !== undefined ? metadata.replace(/^~(?=\/)/, () => home) : undefined;
  return samlTrustPlan(proof, resolved.profile, { subject, metadataFile });
}

/** Other values do not pass the parser. */
function trustFormat(option: string | boolean | undefined): TrustFormat {
  return TRUST_FORMATS.find((name) => name === option) ?? "policy";
}
