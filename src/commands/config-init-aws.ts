import { STORE_NAMES } from "../cache/cache.ts";
import { resolveProfile } from "../config/resolve.ts";
import { BrokerError } from "../core/errors.ts";
import { loginCommand } from "../core/login-command.ts";
import { printable } from "../core/printable.ts";
import type { Host } from "../host/host.ts";
import type { Setup } from "../setup/wizard.ts";

export interface AtAws {
  readonly text: string;
  readonly warnings: readonly string[];
}

/** What must exist at AWS: as commands, where a token can be had without a person; else how to get at them. Never an error: all is written. */
export async function atAws(host: Host, { kind, answers }: Setup): Promise<AtAws> {
  const { name } = answers.profile;
  const show = `sts-broker trust-policy --profile ${name} --format aws-cli`;
  if (kind.who === "person" || (kind.secret !== undefined && answers.identity.table[kind.secret.setting] === undefined))
    return {
      text: `# log in, then have the commands for AWS printed:\n${loginCommand(name)}\n${show}\n`,
      warnings: [],
    };
  try {
    const { trustPlanOf } = await import("./trust-policy.ts");
    const { awsCli } = await import("../trust/formats/aws-cli.ts");
    const plan = await trustPlanOf(host, await resolveProfile(host, { profile: name }, { stores: STORE_NAMES }), false);
    return { text: `#\n# What has to exist at AWS:\n${awsCli(plan)}`, warnings: plan.warnings };
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    const hint = error.hint === undefined ? "" : ` (${printable(error.hint, 300)})`;
    return {
      text: `# when that is mended, have the commands for AWS printed:\n${show}\n`,
      warnings: [`what has to exist at AWS cannot be said yet: ${error.message}${hint}`],
    };
  }
}
