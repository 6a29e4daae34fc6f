import { printable } from "../../core/printable.ts";
import type { TrustedProvider, TrustPlan } from "../plan.ts";

/** Terraform's and OpenTofu's own language. @see https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md */
export function terraform({ profile, role, provider, policy }: TrustPlan): string {
  const name = `sts_broker_${profile.replace(/[^A-Za-z0-9_]/g, "_")}`;
  const attributes: [string, string][] = [
    ["name", quoted(role.name)],
    ...(role.path === "/" ? [] : [["path", quoted(role.path)] satisfies [string, string]]),
    ...(role.maxSessionSeconds === undefined
      ? []
      : [["max_session_duration", String(role.maxSessionSeconds)] satisfies [string, string]]),
    ["assume_role_policy", `jsonencode(${expression(policy, "  ")})`],
    ["depends_on", `[${resourceType(provider)}.${name}]`],
  ];
  return [
    `# For profile ${printable(profile, 80)}.`,
    ...(provider.kind === "oidc" ? ["# An older AWS provider wants thumbprint_list as well."] : []),
    `resource "${resourceType(provider)}" "${name}" {`,
    ...aligned(providerAttributes(provider)),
    "}",
    "",
    `resource "aws_iam_role" "${name}" {`,
    ...aligned(attributes),
    "}",
    "",
  ].join("\n");
}

function resourceType({ kind }: TrustedProvider): string {
  return kind === "oidc" ? "aws_iam_openid_connect_provider" : "aws_iam_saml_provider";
}

function providerAttributes(provider: TrustedProvider): [string, string][] {
  if (provider.kind === "oidc")
    return [
      ["url", quoted(provider.url)],
      ["client_id_list", `[${quoted(provider.clientId)}]`],
    ];
  return [
    ["name", quoted(provider.name)],
    ["saml_metadata_document", `file(${quoted(provider.metadataFile ?? "metadata.xml")})`],
  ];
}

/** Equals signs below each other, as `terraform fmt` has neighbours of one line. */
function aligned(attributes: readonly (readonly [string, string])[]): string[] {
  const lines: string[] = [];
  let run: (readonly [string, string])[] = [];
  const flush = (): void => {
    const width = Math.max(0, ...run.map(([name]) => name.length));
    lines.push(...run.map(([name, value]) => `  ${name.padEnd(width)} = ${value}`));
    run = [];
  };
  for (const attribute of attributes) {
    if (attribute[1].includes("\n")) {
      flush();
      lines.push(`  ${attribute[0]} = ${attribute[1]}`);
    } else run.push(attribute);
  }
  flush();
  return lines;
}

function expression(value: unknown, indent: string): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((one) => typeof one === "string")) return `[${value.map(quoted).join(", ")}]`;
    return `[${value.map((one) => expression(one, indent)).join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, one]) => [quoted(key), expression(one, inner)] as const);
    return `{\n${entries.map(([key, one]) => `${inner}${key} = ${one}`).join("\n")}\n${indent}}`;
  }
  return quoted(String(value));
}

/**
 * A template without templates. "$${" would escape one as well, but not behind another dollar sign; an escaped dollar sign is one wherever it
 * stands, since escapes are read after templates.
 */
function quoted(text: string): string {
  const escaped = text.replace(
    /["\\]|[$%](?=\{)|[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) =>
      character === '"' || character === "\\"
        ? `\\${character}`
        : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}
