import { posixQuote } from "../../core/posix-quote.ts";
import { printable } from "../../core/printable.ts";
import type { TrustedProvider, TrustPlan } from "../plan.ts";
import { jsonText } from "./json-text.ts";

/**
 * Commands for sh. Whatever comes from the token stands in JSON: the AWS CLI would read a file for a bare value that starts with file://,
 * and take one that starts with a dash for an option.
 */
export function awsCli({ profile, role, provider, policy }: TrustPlan): string {
  const account = role.arn.split(":")[4] ?? "";
  return [
    `# For profile ${printable(profile, 80)}: to be run by somebody who may change IAM in account ${account}.`,
    ...providerLines(provider),
    "",
    "aws iam create-role \\",
    `  --role-name=${posixQuote(role.name)} \\`,
    ...(role.path === "/" ? [] : [`  --path=${posixQuote(role.path)} \\`]),
    ...(role.maxSessionSeconds === undefined ? [] : [`  --max-session-duration=${role.maxSessionSeconds} \\`]),
    `  --assume-role-policy-document=${posixQuote(jsonText(policy))}`,
    "",
  ].join("\n");
}

function providerLines(provider: TrustedProvider): string[] {
  if (provider.kind === "saml") {
    const file = provider.metadataFile ?? "metadata.xml";
    return [
      ...(provider.metadataFile === undefined
        ? [
            "# metadata.xml is the identity provider's metadata (AD FS: /FederationMetadata/2007-06/FederationMetadata.xml).",
          ]
        : []),
      "# Where the provider is there already, leave this one out.",
      "aws iam create-saml-provider \\",
      `  --name=${posixQuote(provider.name)} \\`,
      `  --saml-metadata-document=${posixQuote(`file://${file}`)}`,
    ];
  }
  const added = ["--open-id-connect-provider-arn", posixQuote(provider.arn), "--client-id", "…"].join(" ");
  return [
    "# Where the provider is there already, add the client id to it instead:",
    `#   aws iam add-client-id-to-open-id-connect-provider ${added}`,
    "# An older AWS CLI wants --thumbprint-list as well, which AWS does not use where the issuer's",
    "# certificate is publicly trusted.",
    "aws iam create-open-id-connect-provider \\",
    `  --url=${posixQuote(provider.url)} \\`,
    `  --client-id-list=${posixQuote(jsonText([provider.clientId], 0))}`,
  ];
}
