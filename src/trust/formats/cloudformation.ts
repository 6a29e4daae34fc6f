import { BrokerError } from "../../core/errors.ts";
import type { TrustedProvider, TrustPlan } from "../plan.ts";
import { jsonText } from "./json-text.ts";

/**
 * A template in JSON, which CloudFormation takes as it takes YAML, and which leaves nothing to quote.
 *
 * @throws BrokerError CONFIG_INVALID without the metadata of a SAML provider, which a template holds whole; ASSERTION_UNUSABLE
 */
export function cloudFormation({ role, provider, policy }: TrustPlan): string {
  const text = jsonText({
    AWSTemplateFormatVersion: "2010-09-09",
    Description: `sts-broker: ${role.name} (needs CAPABILITY_NAMED_IAM)`,
    Resources: {
      Provider: providerResource(provider),
      Role: {
        Type: "AWS::IAM::Role",
        DependsOn: "Provider",
        Properties: {
          RoleName: role.name,
          ...(role.path === "/" ? {} : { Path: role.path }),
          ...(role.maxSessionSeconds === undefined ? {} : { MaxSessionDuration: role.maxSessionSeconds }),
          AssumeRolePolicyDocument: policy,
        },
      },
    },
  });
  // There is no way to write it that CloudFormation would not fill in, with a secret of the account for example.
  if (text.includes("{{resolve:"))
    throw new BrokerError(
      "ASSERTION_UNUSABLE",
      'what the proof says holds "{{resolve:", which CloudFormation replaces by something else',
      { hint: "--format policy, aws-cli or terraform" },
    );
  return `${text}\n`;
}

function providerResource(provider: TrustedProvider): object {
  if (provider.kind === "oidc")
    return {
      Type: "AWS::IAM::OIDCProvider",
      Properties: { Url: provider.url, ClientIdList: [provider.clientId] },
    };
  if (provider.metadata === undefined)
    throw new BrokerError(
      "CONFIG_INVALID",
      "a CloudFormation template holds the identity provider's metadata, and the identity names none",
      { hint: 'metadata = "/path/to/metadata.xml" in the identity, or --format aws-cli or terraform' },
    );
  return {
    Type: "AWS::IAM::SAMLProvider",
    Properties: { Name: provider.name, SamlMetadataDocument: provider.metadata },
  };
}
