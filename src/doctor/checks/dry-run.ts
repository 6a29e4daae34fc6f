import { explainOidc } from "../../assertion/explain-oidc.ts";
import { explainSaml } from "../../assertion/explain-saml.ts";
import { BrokerError, EXIT } from "../../core/errors.ts";
import { loginCommand } from "../../core/login-command.ts";
import { posixQuote } from "../../core/posix-quote.ts";
import { printable } from "../../core/printable.ts";
import type { Profile } from "../../core/types.ts";
import type { Proof } from "../../identity/source.ts";
import type { Check, DoctorContext, UsedIdentity } from "../check.ts";
import { type Finding, failed, ofError, ok, skipped, warning } from "../finding.ts";
import { isAwsHost } from "../servers.ts";

/** Points that the STS of another vendor judges by rules of its own. */
const AWS_ALONE = ["issuer", "reachable"];

/** The whole way up to AWS's door: identity is proved for real, and what comes of it is judged as `explain` does. No role is assumed. */
export const dryRun: Check = {
  id: "dry-run",
  title: "dry run",
  network: true,
  async run(context) {
    const found = await Promise.all(context.identities.map((identity) => tried(identity, context)));
    return found.length > 0 ? found.flat() : [skipped("there is no identity to prove")];
  },
};

async function tried(identity: UsedIdentity, context: DoctorContext): Promise<Finding[]> {
  const { clock } = context.host;
  const about = { identity: identity.name };
  const startMs = clock.monotonicMs();
  let proof: Proof;
  try {
    proof = await context.prove(identity);
  } catch (error) {
    return [notProved(error, identity)];
  }
  const tookMs = Math.round(clock.monotonicMs() - startMs);
  const judged = await Promise.all(identity.profiles.map(({ profile }) => verdicts(proof, profile, context)));
  return [ok(`the identity provider gave ${printable(proof.name, 200)} in ${tookMs} ms`, about), ...judged.flat()];
}

/** That a person has to log in is how such an identity works, and no fault of the machine. */
function notProved(error: unknown, { name, profiles }: UsedIdentity): Finding {
  const about = { identity: name };
  const login = loginCommand(profiles[0].profile.name);
  if (error instanceof BrokerError && error.code === "LOGIN_REQUIRED" && error.hint?.includes(login) === true)
    return warning(`somebody has to log in: ${error.message}`, error.hint, about);
  return ofError(error, about);
}

async function verdicts(proof: Proof, profile: Profile, { host }: DoctorContext): Promise<Finding[]> {
  const about = { profile: profile.name };
  const now = { nowMs: host.clock.nowMs(), skewMs: host.http.skewMs() };
  const { findings } =
    proof.kind === "oidc" ? explainOidc(proof.token, { profile, now }) : await explainSaml(proof, { profile, now });
  const isAws = isAwsProfile(profile);
  const against = findings.filter(({ verdict, point }) => verdict === "no" && (isAws || !AWS_ALONE.includes(point)));
  if (against.length > 0)
    return against.map(({ point, detail, hint }) =>
      failed(
        `AWS would refuse it, ${point}: ${detail}`,
        hint ?? `sts-broker explain --profile ${posixQuote(printable(profile.name, 80))}`,
        about,
        EXIT.refused,
      ),
    );
  const open = findings.filter(({ verdict }) => verdict === "unknown").map(({ point }) => point);
  const rest = open.length === 0 ? "" : `; AWS alone can judge ${[...new Set(open)].join(", ")}`;
  return [
    ok(`nothing in it is against ${printable(profile.role.arn ?? "the role that it grants", 300)}${rest}`, about),
  ];
}

function isAwsProfile({ sts: { endpointUrl } }: Profile): boolean {
  return endpointUrl === undefined || (URL.canParse(endpointUrl) && isAwsHost(new URL(endpointUrl).hostname));
}
