/** Sources that end in an OIDC token: an OpenID provider and an STS over TLS. */
import { randomUUID } from "node:crypto";
import { importPKCS8, SignJWT } from "jose";
import { startOidcWorld } from "../../support/oidc-world.ts";
import { STS_AUDIENCE } from "../../support/openid-provider.ts";
import type { Sandbox } from "../../support/program.ts";
import { type BareClient, bareClient, redeemToken } from "./bare-client.ts";
import type { ColdSource, Place, StartedSource } from "./source.ts";

const DISCOVERY = "/.well-known/openid-configuration";
const GRANT = { grant_type: "client_credentials", audience: STS_AUDIENCE };

type World = Awaited<ReturnType<typeof startOidcWorld>>;

interface Way {
  identity(world: World, sandbox: Sandbox, token: string): string;
  readonly talksToProvider: boolean;
  /** @returns the token */
  ask(client: BareClient, world: World, token: string): Promise<string>;
}

function oidcSource(name: string, { identity, ask, talksToProvider }: Way): ColdSource {
  return {
    name,
    programs: [],
    client: "node",
    async start(place: Place): Promise<StartedSource> {
      const [idpFront, stsFront, tls] = await Promise.all([place.front(), place.front(), place.ca.issueServer()]);
      const issuer = `https://127.0.0.1:${idpFront.port}`;
      const world = await startOidcWorld({
        op: { tls, issuer, token: { ttlSeconds: 3600 } },
        sts: { tls, issuerCa: place.ca.cert },
      });
      idpFront.target = world.op.port;
      stsFront.target = world.sts.port;
      // AWS is not where we are: its look at the provider's keys does not cross our network.
      world.sts.account.issuers.hosts["127.0.0.1"] = `127.0.0.1:${world.op.port}`;
      const endpointUrl = `https://127.0.0.1:${stsFront.port}`;
      const kept = await firstToken(place, world);
      return {
        configure: (sandbox) => ({
          identity: `${identity(world, sandbox, kept)}\n${talksToProvider ? `ca_file = "${place.caFile}"` : ""}`,
          role: `role_arn = "${world.roleArn}"`,
          endpointUrl,
        }),
        bare: async (client) => redeemToken(client, endpointUrl, world.roleArn, await ask(client, world, kept)),
        requests: () => ({
          idp: world.op.requests.length - world.sts.account.issuers.fetched.length,
          sts: world.sts.calls.length,
        }),
        stop: () => world.close(),
      };
    },
  };
}

/** As somebody else would keep one fresh in a file; asked for directly, at no distance. */
async function firstToken({ ca }: Place, world: World): Promise<string> {
  const client = bareClient(ca.cert);
  try {
    return await bySecret(client, world);
  } finally {
    client.close();
  }
}

async function tokenEndpoint(client: BareClient, world: World): Promise<string> {
  const { text } = await client.send(`${world.op.issuer}${DISCOVERY}`);
  return (JSON.parse(text) as { token_endpoint: string }).token_endpoint;
}

function tokenIn(text: string): string {
  const { access_token: token } = JSON.parse(text) as { access_token?: string };
  if (token === undefined) throw new Error(`the bare client got no token: ${text}`);
  return token;
}

async function bySecret(client: BareClient, world: World): Promise<string> {
  const { clientId, clientSecret } = world.op.clients.secretBasic;
  const encoded = [clientId, clientSecret].map(encodeURIComponent).join(":");
  const headers = { authorization: `Basic ${Buffer.from(encoded).toString("base64")}` };
  return tokenIn((await client.send(await tokenEndpoint(client, world), { headers, body: GRANT })).text);
}

async function byKey(client: BareClient, world: World): Promise<string> {
  const { clientId, privateKeyPem, alg, kid } = world.op.clients.es256;
  const endpoint = await tokenEndpoint(client, world);
  const assertion = await new SignJWT({})
    .setProtectedHeader({ alg, kid })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(world.op.issuer)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime("60s")
    .sign(await importPKCS8(privateKeyPem, alg));
  const proof = {
    client_id: clientId,
    client_assertion: assertion,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  };
  return tokenIn((await client.send(endpoint, { body: { ...GRANT, ...proof } })).text);
}

function clientCredentials({ op }: World, clientId: string, proof: string): string {
  return `type = "oidc-client-credentials"
issuer = "${op.issuer}"
client_id = "${clientId}"
audience = "${STS_AUDIENCE}"
${proof}`;
}

export const OIDC_SOURCES: readonly ColdSource[] = [
  oidcSource("oidc-client-credentials, secret", {
    identity: (world, sandbox) => {
      const { clientId, clientSecret } = world.op.clients.secretBasic;
      return clientCredentials(
        world,
        clientId,
        `client_secret = { file = "${sandbox.file("client.secret", `${clientSecret}\n`)}" }`,
      );
    },
    ask: bySecret,
    talksToProvider: true,
  }),
  oidcSource("oidc-client-credentials, private key", {
    identity: (world, sandbox) => {
      const { clientId, privateKeyPem, kid } = world.op.clients.es256;
      return clientCredentials(
        world,
        clientId,
        `private_key = { file = "${sandbox.file("client.pem", privateKeyPem)}" }\nprivate_key_id = "${kid}"`,
      );
    },
    ask: byKey,
    talksToProvider: true,
  }),
  oidcSource("token-file", {
    identity: (_, sandbox, token) => `type = "token-file"\npath = "${sandbox.file("token", token)}"`,
    ask: async (_, __, token) => token,
    talksToProvider: false,
  }),
  oidcSource("token-command", {
    identity: (_, sandbox, token) =>
      `type = "token-command"\ncommand = ["/bin/cat", "${sandbox.file("token", token)}"]`,
    ask: async (_, __, token) => token,
    talksToProvider: false,
  }),
];
