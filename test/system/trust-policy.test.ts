/** The commands of `trust-policy --format aws-cli`, run by sh and the real AWS CLI against a server that writes down what arrives. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { awsCli } from "../../src/trust/formats/aws-cli.ts";
import { type ListeningServer, listen } from "../support/listening-server.ts";
import { makeSandbox, runProgram } from "../support/program.ts";
import { planOf } from "../trust/helpers.ts";
import { describeSystem } from "./servers/requirements.ts";

const AWS = "/usr/bin/aws";
/** Debian's AWS CLI is of the time when thumbprints were not optional. */
const WRAPPER = `aws() {
  case "$2" in create-open-id-connect-provider) set -- "$@" --thumbprint-list "$THUMBPRINT" ;; esac
  ${AWS} "$@" --endpoint-url "$IAM" --output json
}`;

describeSystem("trust-policy, and AWS's own command line", [AWS, "/bin/sh"], () => {
  const received: URLSearchParams[] = [];
  let iam: ListeningServer;
  beforeAll(async () => {
    iam = await listen(async (req, res) => {
      let body = "";
      for await (const piece of req) body += piece;
      const form = new URLSearchParams(body);
      received.push(form);
      const action = form.get("Action") ?? "";
      const result = action === "CreateRole" ? "<Role/>" : "<OpenIDConnectProviderArn>arn</OpenIDConnectProviderArn>";
      res.setHeader("content-type", "text/xml");
      res.end(
        `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><${action}Result>${result}</${action}Result></${action}Response>`,
      );
    });
  });
  afterAll(() => iam?.close());

  test.each(["file:///etc/hostname", "--debug", '["a","b"]', "https://aws.corp.example x"])(
    "hands on the audience %s as it is",
    async (aud) => {
      const sandbox = makeSandbox();
      received.length = 0;
      try {
        const plan = planOf({ sub: `it's "$HOME" \`id\` é`, aud }, 7200);
        const script = `set -e\n${WRAPPER}\n${awsCli(plan)}`;
        const env = {
          IAM: iam.url,
          THUMBPRINT: "f".repeat(40),
          AWS_ACCESS_KEY_ID: "AKIA",
          AWS_SECRET_ACCESS_KEY: "x",
          AWS_REGION: "us-east-1",
        };
        const result = await runProgram(["/bin/sh", "-c", script], { ...sandbox.env, ...env });
        expect(result.status, result.stderr).toBe(0);
        const [provider, role] = received.map((form) => Object.fromEntries(form));
        expect(provider).toMatchObject({
          Action: "CreateOpenIDConnectProvider",
          Url: "https://idp.corp.com/realms/prod",
          "ClientIDList.member.1": aud,
        });
        expect(provider).not.toHaveProperty(["ClientIDList.member.2"]);
        expect(role).toMatchObject({
          Action: "CreateRole",
          RoleName: "billing",
          Path: "/ci/",
          MaxSessionDuration: "7200",
        });
        expect(JSON.parse(role?.AssumeRolePolicyDocument ?? "")).toEqual(plan.policy);
      } finally {
        sandbox.remove();
      }
    },
  );
});
