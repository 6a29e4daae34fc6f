/** What each format says is read back: sh by sh, JSON by JSON.parse, YAML by PyYAML where it is there, Terraform by the rules of HCL. */
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TRUST_FORMATS } from "../../src/trust/format-names.ts";
import { TRUST_RENDERERS } from "../../src/trust/formats/registry.ts";
import type { TrustPlan } from "../../src/trust/plan.ts";
import { failure } from "../config/helpers.ts";
import { nasty, planOf } from "./helpers.ts";

/** The arguments that sh hands to every `aws` of a script. */
function shellCalls(script: string): string[][] {
  const out = execFileSync("sh", ["-c", `aws() { printf '%s\\0' "$@"; printf '\\n\\0'; }\n${script}`], {
    encoding: "utf8",
  });
  const calls: string[][] = [[]];
  for (const word of out.split("\0").slice(0, -1)) {
    if (word === "\n") calls.push([]);
    else calls.at(-1)?.push(word);
  }
  return calls.slice(0, -1);
}

const optionOf = (call: readonly string[] | undefined, option: string): string | undefined =>
  call?.find((word) => word.startsWith(`--${option}=`))?.slice(option.length + 3);

/** Every quoted template of an HCL text, by the specification's escapes. @see hclsyntax/spec.md, "Template Literals" */
function hclStrings(text: string): string[] {
  const found: string[] = [];
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) {
    let value = "";
    for (at++; text[at] !== '"'; at++) {
      if ((text[at] === "$" || text[at] === "%") && text[at + 1] === "{")
        throw new Error(`a template: ${text.slice(at)}`);
      if (text[at] !== "\\") value += text[at];
      else if (text[++at] === "u") {
        value += String.fromCharCode(Number.parseInt(text.slice(at + 1, at + 5), 16));
        at += 4;
      } else if (text[at] === '"' || text[at] === "\\") value += text[at];
      else throw new Error(`an unknown escape: ${text.slice(at - 1)}`);
    }
    found.push(value);
  }
  return found;
}

const SAML: TrustPlan = {
  ...planOf({}),
  provider: {
    kind: "saml",
    arn: "arn:aws:iam::123456789012:saml-provider/corp",
    name: "corp",
    metadata: '<EntityDescriptor entityID="x"/>\n',
    metadataFile: ["/etc/it's $", "{here}.xml"].join(""),
  },
};

describe("the formats of trust-policy", () => {
  it("all end with a line end and let no control character out", () => {
    fc.assert(
      fc.property(nasty(), nasty(), (sub, aud) => {
        for (const format of TRUST_FORMATS)
          expect(TRUST_RENDERERS[format](planOf({ sub, aud }, 7200))).toMatch(
            /^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]*\n$/,
          );
      }),
      { numRuns: 60 },
    );
  });

  it("sh hands the AWS CLI exactly what the token says", () => {
    fc.assert(
      fc.property(nasty(), nasty(), (sub, aud) => {
        const plan = planOf({ sub, aud }, 7200);
        const [provider, role, ...more] = shellCalls(TRUST_RENDERERS["aws-cli"](plan));
        expect(more).toEqual([]);
        expect(provider?.slice(0, 2)).toEqual(["iam", "create-open-id-connect-provider"]);
        expect(optionOf(provider, "url")).toBe("https://idp.corp.com/realms/prod");
        expect(JSON.parse(optionOf(provider, "client-id-list") ?? "")).toEqual([aud]);
        expect(role?.slice(0, 2)).toEqual(["iam", "create-role"]);
        expect(optionOf(role, "role-name")).toBe("billing");
        expect(optionOf(role, "path")).toBe("/ci/");
        expect(optionOf(role, "max-session-duration")).toBe("7200");
        expect(JSON.parse(optionOf(role, "assume-role-policy-document") ?? "")).toEqual(plan.policy);
      }),
      { numRuns: 25 },
    );
  });

  it("asks for a longer session only where the profile wants more than an hour", () => {
    for (const seconds of [undefined, 900, 3600]) {
      for (const format of TRUST_FORMATS)
        expect(TRUST_RENDERERS[format](planOf({}, seconds))).not.toMatch(/max.?session/i);
    }
  });

  it("CloudFormation's template holds the policy as it is, in JSON", () => {
    fc.assert(
      fc.property(nasty(), nasty(), (sub, aud) => {
        const plan = planOf({ sub, aud }, 43_200);
        const template = JSON.parse(TRUST_RENDERERS.cloudformation(plan)) as { Resources: Record<string, object> };
        expect(template.Resources).toEqual({
          Provider: {
            Type: "AWS::IAM::OIDCProvider",
            Properties: { Url: "https://idp.corp.com/realms/prod", ClientIdList: [aud] },
          },
          Role: {
            Type: "AWS::IAM::Role",
            DependsOn: "Provider",
            Properties: {
              RoleName: "billing",
              Path: "/ci/",
              MaxSessionDuration: 43_200,
              AssumeRolePolicyDocument: plan.policy,
            },
          },
        });
      }),
    );
  });

  it("CloudFormation is given nothing that it would look up", async () => {
    const plan = planOf({ sub: "{{resolve:secretsmanager:prod:SecretString}}" });
    expect(await failure(() => TRUST_RENDERERS.cloudformation(plan))).toMatchObject({ code: "ASSERTION_UNUSABLE" });
    expect(TRUST_RENDERERS.policy(plan)).toContain("{{resolve:");
  });

  it("Terraform reads back what the token says, and finds nothing to interpolate", () => {
    fc.assert(
      fc.property(nasty(), nasty(), (sub, aud) => {
        const plan = planOf({ sub, aud }, 7200);
        const strings = hclStrings(TRUST_RENDERERS.terraform(plan));
        const [statement] = plan.policy.Statement;
        const condition = Object.values(statement.Condition).flatMap((tests) => Object.entries(tests).flat());
        for (const one of [aud, statement.Principal.Federated, ...condition]) expect(strings).toContain(one);
        expect(strings).toContain("sts:AssumeRoleWithWebIdentity");
      }),
    );
  });

  it("all know SAML providers", async () => {
    const [provider, role] = shellCalls(TRUST_RENDERERS["aws-cli"](SAML));
    expect(provider).toEqual([
      ...["iam", "create-saml-provider", "--name=corp"],
      `--saml-metadata-document=file://${(SAML.provider as { metadataFile: string }).metadataFile}`,
    ]);
    expect(role?.[1]).toBe("create-role");
    expect(JSON.parse(TRUST_RENDERERS.cloudformation(SAML))).toMatchObject({
      Resources: {
        Provider: {
          Type: "AWS::IAM::SAMLProvider",
          Properties: { Name: "corp", SamlMetadataDocument: '<EntityDescriptor entityID="x"/>\n' },
        },
      },
    });
    const hcl = TRUST_RENDERERS.terraform(SAML);
    expect(hcl).toContain('resource "aws_iam_saml_provider" "sts_broker_billing"');
    expect(hclStrings(hcl)).toContain((SAML.provider as { metadataFile: string }).metadataFile);

    const without: TrustPlan = {
      ...SAML,
      provider: { ...SAML.provider, metadata: undefined, metadataFile: undefined } as never,
    };
    expect(TRUST_RENDERERS["aws-cli"](without)).toContain("file://metadata.xml");
    expect(await failure(() => TRUST_RENDERERS.cloudformation(without))).toMatchObject({ code: "CONFIG_INVALID" });
  });
});
