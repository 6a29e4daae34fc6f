import { X509Certificate } from "node:crypto";
import { createServer } from "node:http";
import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { Provider } from "oidc-provider";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadX509 } from "../../support/load-x509.ts";
import { freePorts, runCommand } from "./process.ts";
import { RADOSGW_PROGRAMS, type Radosgw, startRadosgw } from "./radosgw.ts";
import { describeSystem } from "./requirements.ts";

const CLIENT = { id: "batch", secret: "s3cret-s3cret-s3cret" };

/** The least that radosgw wants of an issuer: client credentials, RS256, and x5c in the JWKS. */
async function startIssuer() {
  const x509 = await loadX509();
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=issuer",
    keys,
    signingAlgorithm: algorithm,
  });
  const der = Buffer.from(certificate.rawData);
  const jwk = await crypto.subtle.exportKey("jwk", keys.privateKey);
  const [port] = await freePorts(1);
  const issuer = `http://localhost:${port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        scope: "aws",
      },
    ],
    jwks: { keys: [{ ...jwk, kid: "1", alg: "RS256", use: "sig", x5c: [der.toString("base64")] }] },
    scopes: ["aws"],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          scope: "aws",
          audience: resource.replace("urn:", ""),
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  const server = createServer(provider.callback());
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    issuer,
    thumbprint: new X509Certificate(der).fingerprint.replaceAll(":", ""),
    async token(audience: string): Promise<string> {
      const response = await fetch(`${issuer}/token`, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`${CLIENT.id}:${CLIENT.secret}`)}` },
        body: new URLSearchParams({ grant_type: "client_credentials", scope: "aws", resource: `urn:${audience}` }),
      });
      return ((await response.json()) as { access_token: string }).access_token;
    },
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

describeSystem("radosgw", [...RADOSGW_PROGRAMS, "/usr/bin/aws"], () => {
  let gateway: Radosgw;
  let issuer: Awaited<ReturnType<typeof startIssuer>>;
  let roleArn: string;

  beforeAll(async () => {
    [gateway, issuer] = await Promise.all([startRadosgw(), startIssuer()]);
    const providerArn = await gateway.registerOidcProvider({
      issuer: issuer.issuer,
      thumbprint: issuer.thumbprint,
      clientIds: ["sts.amazonaws.com"],
    });
    roleArn = await gateway.createRole({
      name: "billing",
      trustPolicy: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Federated: [providerArn] },
            Action: ["sts:AssumeRoleWithWebIdentity"],
            Condition: { StringEquals: { [`${issuer.issuer.replace("http://", "")}:sub`]: CLIENT.id } },
          },
        ],
      },
    });
  });
  afterAll(async () => {
    await gateway?.stop();
    await issuer?.stop();
  });

  async function assumeRole(token: string) {
    const sts = new STSClient({ endpoint: gateway.endpoint, region: gateway.region, credentials: gateway.admin });
    try {
      const answer = await sts.send(
        new AssumeRoleWithWebIdentityCommand({
          RoleArn: roleArn,
          RoleSessionName: "smoke",
          DurationSeconds: 900,
          WebIdentityToken: token,
        }),
      );
      return answer.Credentials;
    } finally {
      sts.destroy();
    }
  }

  test("gives keys for a good token, which the AWS CLI and a signed request can use", async () => {
    const credentials = await assumeRole(await issuer.token("sts.amazonaws.com"));
    const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = credentials ?? {};
    expect(credentials?.Expiration?.getTime()).toBeGreaterThan(Date.now() + 800_000);

    const made = await runCommand(
      "/usr/bin/aws",
      ["s3api", "create-bucket", "--bucket", "by-role", "--endpoint-url", gateway.endpoint],
      {
        env: {
          AWS_ACCESS_KEY_ID: AccessKeyId,
          AWS_SECRET_ACCESS_KEY: SecretAccessKey,
          AWS_SESSION_TOKEN: SessionToken,
          AWS_DEFAULT_REGION: gateway.region,
          AWS_EC2_METADATA_DISABLED: "true",
          HOME: "/nonexistent",
        },
      },
    );
    expect(made).toMatchObject({ status: 0, stderr: "" });

    const keys = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
    expect((await gateway.s3(keys, "PUT", "/by-role/bill", "42")).status).toBe(200);
    expect(await (await gateway.s3(keys, "GET", "/by-role/bill")).text()).toBe("42");
    expect((await gateway.s3({ ...keys, sessionToken: `A${SessionToken}` }, "GET", "/by-role/bill")).status).toBe(403);
  });

  test("refuses a token for another audience and a token whose signature was changed", async () => {
    await expect(assumeRole(await issuer.token("elsewhere"))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
    const token = await issuer.token("sts.amazonaws.com");
    const [head, body] = token.split(".");
    await expect(assumeRole(`${head}.${body}.${"A".repeat(342)}`)).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
  });
});
