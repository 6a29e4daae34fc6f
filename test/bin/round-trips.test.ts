/** The README's table of round trips, counted on a network that moves only when the program has nothing left to do but wait. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startAdfsServer } from "../support/adfs-server.ts";
import { entryFiles } from "../support/cache-entry.ts";
import { type Certificate, createCertificateAuthority } from "../support/certificates.ts";
import { startEcpServer } from "../support/ecp-server.ts";
import { serveProduct, startPageServer } from "../support/idp-pages-server.ts";
import { type LockstepNetwork, lockstepNetwork } from "../support/lockstep-network.ts";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { walkThrough } from "../support/person.ts";
import { makeSandbox, programUnderTest, runProgram, type Sandbox } from "../support/program.ts";
import { createSamlIssuer, type SamlIssuer } from "../support/saml-issuer.ts";
import { PRINCIPAL_ARN, ROLE_ARN } from "../support/saml-world.ts";
import { type SimulatedSts, startSimulatedSts } from "../support/simulated-sts/server.ts";
import { CREDENTIAL_PROCESS, credentialsOf, until } from "./black-box.ts";

const LONG = { timeout: 120_000 };
const PASSWORD = "pässword";

/** Of a source, by the README. */
function stated(source: string): { first: number; kept: number } {
  const readme = readFileSync(path.join(import.meta.dirname, "../../README.md"), "utf8");
  const row = readme
    .split("\n")
    .find((line) => line.startsWith("|") && line.includes(`\`${source}\``) && /\| \d/.test(line));
  const [, , first, kept] = row?.split("|").map((cell) => Number.parseInt(cell, 10)) ?? [];
  if (first === undefined || kept === undefined) throw new Error(`the README says nothing of ${source}`);
  return { first, kept };
}

let network: LockstepNetwork;
let tls: Certificate;
let caPem: string;
let sandbox: Sandbox;
let caFile: string;
beforeAll(async () => {
  network = lockstepNetwork();
  const ca = await createCertificateAuthority();
  tls = await ca.issueServer();
  caPem = ca.cert;
});
afterAll(() => network.close());
beforeEach(() => {
  sandbox = makeSandbox();
  caFile = sandbox.file("ca.pem", caPem);
  return () => sandbox.remove();
});

/** One cold run. */
async function cold(): Promise<string[]> {
  // What a login left stays.
  if (existsSync(path.join(sandbox.cacheDirectory, "entries")))
    for (const file of entryFiles(sandbox.cacheDirectory)) if (!path.basename(file).startsWith("login-")) rmSync(file);
  const { result, trips } = await network.trips((onStart) =>
    sandbox.run(CREDENTIAL_PROCESS, { env: { AWS_CA_BUNDLE: caFile }, onStart }),
  );
  credentialsOf(result);
  return trips;
}

function profile(endpointUrl: string, roleArn: string, more = ""): string {
  return `[profile.billing]
identity = "corp"
role_arn = "${roleArn}"
region = "eu-west-1"
endpoint_url = "${endpointUrl}"
store = "file"
${more}`;
}

describe.skipIf(process.platform !== "linux")("an OpenID provider and STS", () => {
  let secure: OidcWorld;
  let idpPort = 0;
  let stsPort = 0;
  beforeAll(async () => {
    idpPort = await network.front("idp", () => secure.op.port);
    stsPort = await network.front("sts", () => secure.sts.port);
    secure = await startOidcWorld({
      op: { issuer: `https://localhost:${idpPort}`, tls },
      sts: { tls, issuerCa: caPem },
    });
  });
  afterAll(() => secure.close());

  const credentials = (identity = ""): void => {
    const { clientId, clientSecret } = secure.op.clients.secretBasic;
    sandbox.configure(`[identity.corp]
type = "oidc-client-credentials"
issuer = "${secure.op.issuer}"
client_id = "${clientId}"
client_secret = { file = "${sandbox.file("secret", clientSecret)}" }
audience = "sts.amazonaws.com"
ca_file = "${caFile}"
${identity}
${profile(`https://127.0.0.1:${stsPort}`, secure.roleArn)}`);
  };

  it(
    "oidc-client-credentials: side by side with the provider STS is connected to, and the document is kept",
    LONG,
    async () => {
      credentials();
      const { first, kept } = stated("oidc-client-credentials");
      expect(await cold()).toEqual([
        "idp: connect, sts: connect",
        "idp: hello, sts: hello",
        "idp: data, sts: data",
        "idp: data",
        "sts: data",
      ]);
      expect(first).toBe(5);
      expect(await cold()).toEqual([
        "idp: connect, sts: connect",
        "idp: hello, sts: hello",
        "idp: data, sts: data",
        "sts: data",
      ]);
      expect(kept).toBe(4);
    },
  );

  it("without a login nobody is connected to", LONG, async () => {
    sandbox.configure(`[identity.corp]
type = "oidc-browser"
issuer = "${secure.op.issuer}"
client_id = "cli"
refresh_token_store = "file"
${profile(`https://127.0.0.1:${stsPort}`, secure.roleArn)}`);
    const { result, trips } = await network.trips((onStart) => sandbox.run(CREDENTIAL_PROCESS, { onStart }));
    expect(result.status).toBe(3);
    expect(trips).toEqual([]);
  });
});

describe.skipIf(process.platform !== "linux")("a token that somebody else brings", () => {
  let world: OidcWorld;
  let stsPort = 0;
  let token: string;
  beforeAll(async () => {
    stsPort = await network.front("sts", () => world.sts.port);
    world = await startOidcWorld({ sts: { tls } });
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    token = sandbox.file("token", await world.fetchToken("sts.amazonaws.com"));
  });

  it("token-file: nobody but STS is asked", LONG, async () => {
    sandbox.configure(`[identity.corp]
type = "token-file"
path = "${token}"
${profile(`https://127.0.0.1:${stsPort}`, world.roleArn)}`);
    expect(await cold()).toHaveLength(stated("token-file").first);
  });

  it("token-command: STS is connected to while the command runs", LONG, async () => {
    const gate = path.join(sandbox.home, "gate");
    const script = sandbox.file("fetch", `while [ ! -e ${gate} ]; do sleep 0.05; done; cat ${token}\n`);
    sandbox.configure(`[identity.corp]
type = "token-command"
command = ["/bin/sh", "${script}"]
${profile(world.sts.url, world.roleArn)}`);
    const before = world.sts.connections();
    const running = sandbox.run(CREDENTIAL_PROCESS, { env: { AWS_CA_BUNDLE: caFile } });
    await until("STS is connected to", () => world.sts.connections() === before + 1);
    expect(existsSync(gate)).toBe(false);
    writeFileSync(gate, "");
    credentialsOf(await running);
    expect(world.sts.connections()).toBe(before + 1);
  });
});

describe.skipIf(process.platform !== "linux")("a login that is renewed", () => {
  it(
    "oidc-browser and oidc-device: as client credentials, one less for each TLS that plain http has not",
    LONG,
    async () => {
      let world: OidcWorld | undefined;
      const idpPort = await network.front("idp", () => world?.op.port ?? 0);
      const stsPort = await network.front("sts", () => world?.sts.port ?? 0);
      world = await startOidcWorld({ op: { issuer: `http://127.0.0.1:${idpPort}` } });
      world.sts.account.issuers.hosts["127.0.0.1"] = `127.0.0.1:${world.op.port}`;
      try {
        const { clientId } = world.op.clients.people;
        world.registerAudiences(clientId);
        world.trust(world.allow({ StringEquals: { [`${world.issuerName}:aud`]: clientId } }));
        sandbox.configure(`[identity.corp]
type = "oidc-browser"
issuer = "${world.op.issuer}"
client_id = "${clientId}"
parameters = { prompt = "consent" }
refresh_token_store = "file"
device_fallback = false
${profile(`http://127.0.0.1:${stsPort}`, world.roleArn)}`);
        // The person's browser is at the same network, which has to move for it.
        await network.trips(() => logIn());
        rmSync(path.join(sandbox.cacheDirectory, "documents"), { recursive: true, force: true });
        const { first, kept } = stated("oidc-browser");
        expect(await cold()).toHaveLength(first - 1);
        expect(await cold()).toHaveLength(kept - 1);
      } finally {
        await world.close();
      }
    },
  );

  async function logIn(): Promise<void> {
    let said = "";
    let walked: Promise<unknown> | undefined;
    const argv = ["setsid", "--wait", ...programUnderTest(), "login", "--plain", "--profile", "billing"];
    const result = await runProgram(argv, sandbox.env, {
      onStart: ({ stderr }) =>
        stderr?.on("data", (text: string) => {
          said += text;
          const address = /^(http\S+\/auth\?\S+)$/m.exec(said)?.[1];
          if (address !== undefined) walked ??= walkThrough(address, { login: "ana" });
        }),
    });
    await walked;
    expect(result.stderr + result.status).toMatch(/0$/);
  }
});

describe.skipIf(process.platform !== "linux")("a SAML provider and STS", () => {
  let issuer: SamlIssuer;
  let sts: SimulatedSts;
  let stsPort = 0;
  beforeAll(async () => {
    issuer = await createSamlIssuer();
    stsPort = await network.front("sts", () => sts.port);
    const trustPolicy = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Federated: PRINCIPAL_ARN }, Action: ["sts:AssumeRoleWithSAML"] }],
    } as const;
    sts = await startSimulatedSts({
      tls,
      samlProviders: [{ arn: PRINCIPAL_ARN, metadataXml: issuer.metadata() }],
      roles: [{ arn: ROLE_ARN, trustPolicy }],
    });
  });
  afterAll(() => sts.close());

  const configure = (identity: string): void => {
    sandbox.configure(`[identity.corp]
${identity}
password = { file = "${sandbox.file("password", PASSWORD)}" }
ca_file = "${caFile}"
${profile(`https://127.0.0.1:${stsPort}`, ROLE_ARN, `principal_arn = "${PRINCIPAL_ARN}"`)}`);
  };

  /** Whoever moves: its URL is that of the network's port. */
  async function fronted<S extends { readonly url: string; close(): Promise<void> }>(server: S): Promise<S> {
    const { port, pathname } = new URL(server.url);
    const front = await network.front("idp", () => Number(port));
    return Object.assign(server, { url: `https://127.0.0.1:${front}${pathname === "/" ? "" : pathname}` });
  }

  it("saml-password: the page, the form, and nothing in between that the provider does not ask for", LONG, async () => {
    const pages = await fronted(await startPageServer(tls));
    try {
      const response = issuer.response({ nowMs: Date.now(), roles: [`${ROLE_ARN},${PRINCIPAL_ARN}`] });
      const url = serveProduct(pages, "SimpleSAMLphp", { users: { ana: PASSWORD }, response });
      configure(`type = "saml-password"\nusername = "ana"\nurl = "${url}"`);
      expect(await cold()).toHaveLength(stated("saml-password").first);
      expect(pages.offences).toEqual([]);
    } finally {
      await pages.close();
    }
  });

  it("saml-password with metadata at a URL: it comes beside the page, and is kept", LONG, async () => {
    const pages = await fronted(await startPageServer(tls));
    try {
      const response = issuer.response({ nowMs: Date.now(), roles: [`${ROLE_ARN},${PRINCIPAL_ARN}`] });
      const url = serveProduct(pages, "SimpleSAMLphp", { users: { ana: PASSWORD }, response });
      pages.on("GET /metadata", { headers: { "cache-control": "max-age=600" }, body: issuer.metadata() });
      configure(`type = "saml-password"\nusername = "ana"\nurl = "${url}"\nmetadata = "${pages.url}/metadata"`);
      const { first, kept } = stated("saml-password");
      expect(await cold()).toHaveLength(first);
      expect(await cold()).toHaveLength(kept);
      expect(pages.requests.filter(({ path: asked }) => asked === "/metadata")).toHaveLength(1);
    } finally {
      await pages.close();
    }
  });

  it("saml-wstrust: one request with everything in it", LONG, async () => {
    const adfs = await fronted(await startAdfsServer({ issuer, tls }));
    try {
      adfs.users.set("svc", PASSWORD);
      adfs.assertion = { recipient: "https://signin.aws.amazon.com/saml", roles: [`${ROLE_ARN},${PRINCIPAL_ARN}`] };
      configure(`type = "saml-wstrust"\nendpoint = "${adfs.url}"\nusername = "svc"`);
      expect(await cold()).toHaveLength(stated("saml-wstrust").first);
    } finally {
      await adfs.close();
    }
  });

  it("saml-ecp: one request with everything in it", LONG, async () => {
    const ecp = await fronted(await startEcpServer(issuer, tls));
    try {
      ecp.users.set("svc", PASSWORD);
      configure(`type = "saml-ecp"\nidp_ecp_url = "${ecp.url}"\nusername = "svc"`);
      expect(await cold()).toHaveLength(stated("saml-ecp").first);
    } finally {
      await ecp.close();
    }
  });

  it("saml-file: nobody but STS is asked", LONG, async () => {
    const response = issuer.response({ nowMs: Date.now(), roles: [`${ROLE_ARN},${PRINCIPAL_ARN}`] });
    const file = sandbox.file("response", response);
    sandbox.configure(`[identity.corp]
type = "saml-file"
path = "${file}"
${profile(`https://127.0.0.1:${stsPort}`, ROLE_ARN)}`);
    expect(await cold()).toHaveLength(stated("saml-file").first);
  });
});
