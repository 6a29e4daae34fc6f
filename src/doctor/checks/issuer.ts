import { issuerFindings } from "../../assertion/issuer.ts";
import { EXIT } from "../../core/errors.ts";
import type { Check, DoctorContext, UsedIdentity } from "../check.ts";
import { type Finding, failed, ok, skipped, warning } from "../finding.ts";
import { isAwsHost } from "../servers.ts";

/** AWS fetches an issuer's keys itself, from outside. */
export const issuer: Check = {
  id: "issuer",
  title: "seen from AWS",
  async run(context) {
    const oidc = context.identities.filter(({ table }) => typeof table.issuer === "string");
    if (oidc.length === 0) return [skipped("no identity has an issuer that AWS would have to reach")];
    return oidc.flatMap((identity) => judged(identity, context));
  },
};

function judged(identity: UsedIdentity, { servers }: DoctorContext): Finding[] {
  const about = { identity: identity.name };
  const used = new Set(identity.profiles.map(({ profile }) => profile.name));
  const sts = servers.filter(({ role, about: { profile = "" } }) => role === "STS" && used.has(profile));
  // Another vendor's STS, or a simulator, may well reach what AWS cannot.
  const isAws = sts.length === 0 || sts.some(({ url }) => isAwsHost(new URL(url).hostname));
  return issuerFindings({ iss: identity.table.issuer }).map(({ verdict, detail, hint }) => {
    if (verdict === "ok") return ok(`the issuer ${detail} has a form that IAM takes`, about);
    if (verdict === "unknown") return skipped(detail, about);
    return isAws
      ? failed(detail, hint, about, EXIT.refused)
      : warning(`${detail}; the STS of this profile is not AWS's, and may take it`, hint, about);
  });
}
