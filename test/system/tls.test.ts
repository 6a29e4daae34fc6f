// Whom the program believes, and what it says when it does not: the system's authorities, SSL_CERT_FILE, AWS_CA_BUNDLE, ca_file.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createCertificateAuthority } from "../support/certificates.ts";
import { type MisbehavingServer, startMisbehavingServer } from "../support/misbehaving-server.ts";
import { type CorporateNetwork, IDP_HOST, signedBy, startCorporateNetwork } from "./corporate-network.ts";
import { failureOf } from "./failing.ts";
import { describeSystem } from "./servers/requirements.ts";

const DAY_MS = 86_400_000;

describeSystem("certificates and their authorities", ["libnss_wrapper.so"], () => {
  let corp: CorporateNetwork;
  let names: Record<string, string>;
  beforeAll(async () => {
    corp = await startCorporateNetwork();
    names = corp.resolving();
  });
  afterAll(() => corp?.close());
  beforeEach(() => {
    corp.world.reset();
    corp.configure();
    corp.forget();
  });
  const run = (env: Record<string, string | undefined> = {}) =>
    corp.run({ ...names, AWS_CA_BUNDLE: corp.awsCaFile, ...env });

  test("ca_file serves the provider and AWS_CA_BUNDLE serves AWS", async () => {
    expect(await run()).toMatchObject({ status: 0, stderr: "" });
  });

  test("an unknown authority of the provider names ca_file", async () => {
    const before = corp.world.op.count();
    corp.configure({ caFile: null });
    const { line, hint } = failureOf(await run(), 5);
    expect(line).toMatch(
      new RegExp(
        `^the certificate of ${corp.idp} is not signed by an authority this machine trusts${signedBy("Corp CA")} \\(SELF_SIGNED_CERT_IN_CHAIN\\)$`,
      ),
    );
    expect(hint).toContain("ca_file or SSL_CERT_FILE");
    expect(corp.world.op.count()).toBe(before);
  });

  test("an unknown authority of AWS names AWS_CA_BUNDLE, and is not tried again", async () => {
    const before = corp.world.sts.connections();
    const { line, hint } = failureOf(await run({ AWS_CA_BUNDLE: undefined }), 5);
    expect(line).toContain(
      `the certificate of ${corp.sts} is not signed by an authority this machine trusts${signedBy("AWS CA")}`,
    );
    expect(hint).toContain("AWS_CA_BUNDLE or SSL_CERT_FILE");
    // The one that was opened ahead, and that of the call.
    expect(corp.world.sts.connections() - before).toBe(2);
  });

  test("AWS_CA_BUNDLE does not make the provider trusted", async () => {
    corp.configure({ caFile: null });
    const { line } = failureOf(await run({ AWS_CA_BUNDLE: corp.idpCaFile }), 5);
    expect(line).toContain(`the certificate of ${corp.idp} is not signed`);
  });

  test("ca_file does not make AWS trusted", async () => {
    const both = corp.sandbox.file("both.pem", corp.idpAuthority.cert + corp.awsAuthority.cert);
    corp.configure({ caFile: both });
    const { line } = failureOf(await run({ AWS_CA_BUNDLE: undefined }), 5);
    expect(line).toContain(`the certificate of ${corp.sts} is not signed`);
  });

  test("SSL_CERT_FILE serves both, with every authority of the bundle", async () => {
    const both = corp.sandbox.file("both.pem", `# corp\n${corp.idpAuthority.cert}\n# aws\n${corp.awsAuthority.cert}`);
    corp.configure({ caFile: null });
    expect(await run({ SSL_CERT_FILE: both, AWS_CA_BUNDLE: undefined })).toMatchObject({ status: 0, stderr: "" });
  });

  test("ca_file adds to SSL_CERT_FILE, and AWS_CA_BUNDLE replaces it", async () => {
    const stranger = corp.sandbox.file("stranger.pem", (await createCertificateAuthority("Stranger")).cert);
    expect(await run({ SSL_CERT_FILE: stranger })).toMatchObject({ status: 0, stderr: "" });
    corp.forget();
    const { line } = failureOf(await run({ SSL_CERT_FILE: corp.awsCaFile, AWS_CA_BUNDLE: stranger }), 5);
    expect(line).toContain(`the certificate of ${corp.sts} is not signed`);
  });

  test("SSL_CERT_FILE alone does not make AWS trusted, and an empty one is none", async () => {
    const { line } = failureOf(await run({ SSL_CERT_FILE: corp.idpCaFile, AWS_CA_BUNDLE: undefined }), 5);
    expect(line).toContain(`the certificate of ${corp.sts} is not signed`);
    expect(await run({ SSL_CERT_FILE: "" })).toMatchObject({ status: 0, stderr: "" });
  });

  test("a bundle that cannot be read, or holds no certificate, is named with its setting", async () => {
    const missing = `${corp.sandbox.home}/missing.pem`;
    const text = corp.sandbox.file("text.pem", "this is not PEM\n");
    const key = corp.sandbox.file("key.pem", corp.idpAuthority.key);
    const broken = corp.sandbox.file(
      "broken.pem",
      "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
    );
    for (const file of [missing, text, key, broken, corp.sandbox.home]) {
      for (const setting of ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "ca_file"] as const) {
        corp.configure(setting === "ca_file" ? { caFile: file } : {});
        const env = setting === "ca_file" ? {} : { AWS_CA_BUNDLE: undefined, [setting]: file };
        const { line } = failureOf(await run(env), 2);
        expect(line).toContain(`${setting} ${file} `);
      }
    }
  });

  test("a certificate for another host is refused", async () => {
    corp.configure({ issuer: `https://other.corp.example:${corp.world.op.port}` });
    const { line } = failureOf(await run(corp.resolving({ "other.corp.example": "127.0.0.1" })), 5);
    expect(line).toContain(`the certificate of other.corp.example:${corp.world.op.port} is for another host`);
  });

  test("an expired and a future certificate are refused, and the clock is thought of", async () => {
    for (const validity of [
      { notBeforeMs: Date.now() - 9 * DAY_MS, notAfterMs: Date.now() - DAY_MS },
      { notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 9 * DAY_MS },
    ]) {
      const tls = await corp.idpAuthority.issueServer([IDP_HOST], validity);
      const server: MisbehavingServer = await startMisbehavingServer({ tls });
      try {
        corp.configure({ issuer: `https://${IDP_HOST}:${server.port}` });
        const { line, hint } = failureOf(await run(), 5);
        expect(line).toContain(`the certificate of ${IDP_HOST}:${server.port} is not valid at this time`);
        expect(hint).toContain("clock");
        expect(server.hits).toEqual([]);
      } finally {
        await server.close();
      }
    }
  });

  test("NODE_TLS_REJECT_UNAUTHORIZED=0 is refused by name", async () => {
    corp.configure({ caFile: null });
    const before = corp.world.op.count();
    const { line } = failureOf(await run({ NODE_TLS_REJECT_UNAUTHORIZED: "0" }), 2);
    expect(line).toContain("NODE_TLS_REJECT_UNAUTHORIZED=0");
    expect(corp.world.op.count()).toBe(before);
  });

  test("NODE_EXTRA_CA_CERTS, which only one runtime knows, makes nothing trusted", async () => {
    corp.configure({ caFile: null });
    failureOf(await run({ NODE_EXTRA_CA_CERTS: corp.idpCaFile }), 5);
  });
});

describeSystem("client certificates (tls_client_auth)", ["libnss_wrapper.so"], () => {
  let corp: CorporateNetwork;
  let names: Record<string, string>;
  beforeAll(async () => {
    corp = await startCorporateNetwork();
    names = corp.resolving();
  });
  afterAll(() => corp?.close());
  beforeEach(() => corp.forget());

  async function runWith(client: { readonly cert: string; readonly key: string }, more = "") {
    const cert = corp.sandbox.file("client.crt", client.cert);
    const key = corp.sandbox.file("client.key", client.key);
    corp.configure({
      client: `client_id = "${corp.world.op.clients.mutualTls.clientId}"
client_certificate = "${cert}"
client_certificate_key = { file = "${key}" }
${more}`,
    });
    return corp.run({ ...names, AWS_CA_BUNDLE: corp.awsCaFile });
  }

  test("the registered one is accepted", async () => {
    const client = await corp.idpAuthority.issueClient("client.corp.example");
    expect(await runWith(client)).toMatchObject({ status: 0, stderr: "" });
  });

  test("one of another subject, or of another authority, is refused by the provider", async () => {
    const other = await createCertificateAuthority("Other CA");
    for (const client of [
      await corp.idpAuthority.issueClient("somebody-else"),
      await other.issueClient("client.corp.example"),
    ]) {
      const { line, hint } = failureOf(await runWith(client), 4);
      expect(line).toContain(`${corp.world.op.issuer} does not accept client "cc-mtls" by tls_client_auth`);
      expect(hint).toContain("client_certificate");
    }
  });

  test("a key that belongs to another certificate is refused without quoting it", async () => {
    const [one, two] = await Promise.all([
      corp.idpAuthority.issueClient("client.corp.example"),
      corp.idpAuthority.issueClient("client.corp.example"),
    ]);
    const result = await runWith({ cert: one.cert, key: two.key });
    expect(failureOf(result, 2).line).toContain("the client certificate and its key cannot be used");
    expect(result.stderr).not.toContain(two.key.split("\n")[1]);
  });

  test("a certificate that is missing is named, and so is a setting that is", async () => {
    const client = await corp.idpAuthority.issueClient("client.corp.example");
    const missing = `${corp.sandbox.home}/missing.crt`;
    const key = corp.sandbox.file("client.key", client.key);
    corp.configure({
      client: `client_id = "cc-mtls"\nclient_certificate = "${missing}"\nclient_certificate_key = { file = "${key}" }`,
    });
    expect(failureOf(await corp.run(names), 2).line).toContain(`client_certificate ${missing} does not exist`);
    corp.configure({ client: `client_id = "cc-mtls"\ntoken_endpoint_auth_method = "tls_client_auth"` });
    expect(failureOf(await corp.run(names), 2).line).toContain("tls_client_auth needs client_certificate");
  });
});

describeSystem("addresses that are never spoken to", ["libnss_wrapper.so"], () => {
  let corp: CorporateNetwork;
  beforeAll(async () => {
    corp = await startCorporateNetwork();
  });
  afterAll(() => corp?.close());

  test("plain http to a host that is not loopback", async () => {
    for (const host of [IDP_HOST, "192.0.2.1", "127.0.0.1.corp.example", "127.1.corp.example"]) {
      corp.configure({ issuer: `http://${host}:${corp.world.op.port}` });
      const { line } = failureOf(await corp.run(corp.resolving({ [host]: "127.0.0.1" })), 2);
      expect(line).toContain("issuer must start with https:// (plain http only to loopback)");
      corp.configure({ endpointUrl: `http://${host}:${corp.world.sts.port}` });
      const sts = failureOf(await corp.run(corp.resolving({ [host]: "127.0.0.1" })), 2);
      expect(sts.line).toContain("endpoint_url must start with https:// (plain http only to loopback)");
    }
  });

  test("link-local and metadata addresses, in whatever spelling", async () => {
    for (const host of [
      "169.254.169.254",
      "[fe80::1]",
      "[fd00:ec2::254]",
      "[::ffff:169.254.169.254]",
      "0.0.0.0",
      "2852039166",
      "0xa9fea9fe",
    ]) {
      for (const scheme of ["http", "https"]) {
        corp.configure({ issuer: `${scheme}://${host}` });
        const result = await corp.run();
        const { line } = failureOf(result, 2);
        expect(line).toMatch(/link-local|must start with https/);
        expect(result.tookMs).toBeLessThan(3_000);
      }
    }
  });

  test("a name that resolves to such an address", async () => {
    for (const address of ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"]) {
      corp.configure({ issuer: `https://${IDP_HOST}` });
      const { line } = failureOf(await corp.run(corp.resolving({ [IDP_HOST]: address })), 2);
      expect(line).toContain(IDP_HOST);
      expect(line).toContain("link-local");
    }
  });

  test("nothing of this asked for a token", () => {
    expect(corp.world.op.requests).toEqual([]);
  });

  test("such an address as the STS endpoint", async () => {
    corp.configure({ endpointUrl: "https://169.254.169.254" });
    expect(failureOf(await corp.run(corp.resolving()), 2).line).toMatch(/169\.254\.169\.254 is the link-local/);
  });
});
