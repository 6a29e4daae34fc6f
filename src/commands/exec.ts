import { obtainCredentials } from "../broker/obtain.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { environmentVariables } from "../emit/variables.ts";
import type { Host } from "../host/host.ts";
import type { CommandModule, Parsed } from "./command.ts";
import { emitContext } from "./emit-context.ts";
import { profileOf } from "./profile-options.ts";

/** Tells a nested exec, and a shell prompt, whose credentials these are. */
const MARKER = "STS_BROKER_EXEC";

/** What a runtime writes in the place of bytes that are not UTF-8. */
const REPLACEMENT = "\uFFFD";

/** Whatever would make an SDK use other credentials than ours, or pair ours with something stale. */
const REPLACED = [
  "AWS_ACCESS_KEY_ID",
  "AWS_ACCESS_KEY",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SECRET_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_SECURITY_TOKEN",
  "AWS_CREDENTIAL_EXPIRATION",
  "AWS_ACCOUNT_ID",
  "AWS_PROFILE",
  "AWS_DEFAULT_PROFILE",
  "AWS_ROLE_ARN",
  "AWS_ROLE_SESSION_NAME",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

export const run: CommandModule["run"] = async (host, parsed) => {
  const environment = await prepared(host, parsed);
  return host.spawn.handOver(parsed.operands, environment);
};

/** The child's environment. What fails here is the broker's failure, not the command's: 125, as env(1) has it. */
async function prepared(host: Host, parsed: Parsed): Promise<Record<string, string>> {
  try {
    const outer = host.env[MARKER];
    if (outer !== undefined && outer !== "") {
      throw new BrokerError("USAGE", `this already runs inside sts-broker exec (profile "${printable(outer, 80)}")`, {
        hint: `unset ${MARKER}, if one inside the other is what you want`,
      });
    }
    if (parsed.operands.length === 0) {
      throw new BrokerError("USAGE", "exec needs a command", { hint: "sts-broker exec --profile NAME -- aws s3 ls" });
    }
    const changed = parsed.operands.findIndex((one) => one.includes(REPLACEMENT));
    if (changed >= 0) {
      throw new BrokerError(
        "USAGE",
        `argument ${changed + 1} of the command is not UTF-8, and would reach it changed`,
        {
          hint: "sts-broker exec -- sh -c '…', where the shell names the file by itself",
        },
      );
    }
    const resolved = await profileOf(host, parsed);
    const credentials = await obtainCredentials(host, resolved);
    const environment: Record<string, string> = {};
    for (const [name, value] of Object.entries(host.env)) {
      if (value !== undefined && !REPLACED.includes(name)) environment[name] = value;
    }
    for (const [name, value] of environmentVariables(credentials, emitContext(resolved.profile)))
      environment[name] = value;
    environment[MARKER] = resolved.profile.name;
    return environment;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    throw new BrokerError(error.code, error.message, {
      hint: error.hint,
      cause: error.cause,
      exitCode: EXIT.execFailed,
    });
  }
}
