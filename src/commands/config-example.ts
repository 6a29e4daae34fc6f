import { EXIT } from "../core/errors.ts";
import type { CommandModule } from "./command.ts";

const EXAMPLE = `# /etc/sts-broker/config.toml for the whole machine, or ~/.config/sts-broker/config.toml for one user

[identity.corp]
type = "oidc-client-credentials"
issuer = "https://idp.corp.example/realms/prod"
client_id = "billing-batch"
client_secret = { file = "~/.config/sts-broker/billing.secret" }    # mode 0600; or { env }, { credential }, { keychain }, { command }
audience = "sts.amazonaws.com"    # what your provider puts into aud; where the token has an azp, AWS goes by that instead

[profile.billing]
identity = "corp"
role_arn = "arn:aws:iam::123456789012:role/billing"
region = "eu-west-1"
duration_seconds = 3600

# ~/.aws/config:
#   [profile billing]
#   credential_process = sts-broker credential-process --profile billing
`;

export const run: CommandModule["run"] = async (host) => {
  host.streams.writeOut(EXAMPLE);
  return EXIT.done;
};
