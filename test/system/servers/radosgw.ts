// Ceph's object gateway with its own STS: somebody else's AssumeRoleWithWebIdentity, which fetches the issuer's keys and
// verifies signature, issuer, audience, subject and expiry for real, and whose keys then work for S3. One monitor, one
// in-memory object store, one gateway, without authentication among them, all on loopback.

import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  freePorts,
  retryingPorts,
  runCommand,
  runOrThrow,
  type ServerProcess,
  startProcess,
  temporaryFolder,
  until,
  waitForSocket,
} from "./process.ts";
import { needed } from "./requirements.ts";
import { fetchSigned, type SigningKeys } from "./sigv4.ts";

/** For {@link describeSystem}. */
export const RADOSGW_PROGRAMS = [
  "radosgw",
  "radosgw-admin",
  "ceph",
  "ceph-mon",
  "ceph-osd",
  "monmaptool",
  "ceph-authtool",
] as const;

export interface RegisteredOidcProvider {
  /** As in the token's `iss`. radosgw fetches `<issuer>/.well-known/openid-configuration` itself; http is fine on loopback. */
  readonly issuer: string;
  /** SHA-1, in hex, of a certificate in the `x5c` of the issuer's signing key: without x5c radosgw refuses every token. */
  readonly thumbprint: string;
  /** One of them has to be the token's `aud`, `azp` or `client_id`. AWS is stricter: with an `azp` it does not look at `aud`. */
  readonly clientIds: readonly string[];
}

export interface RoleDefinition {
  readonly name: string;
  readonly trustPolicy: object;
  /** Default: everything in S3. */
  readonly permissions?: object;
  /** 3,600 to 43,200. Default 3,600. */
  readonly maxSessionSeconds?: number;
}

export interface Radosgw {
  /** STS, IAM and S3 alike: `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  readonly region: string;
  /** The administrator: may use IAM and S3. */
  readonly admin: SigningKeys;
  /** @returns the provider's ARN, the `Federated` principal of a trust policy. */
  registerOidcProvider(provider: RegisteredOidcProvider): Promise<string>;
  /** @returns the role's ARN. */
  createRole(role: RoleDefinition): Promise<string>;
  /** An IAM action as the administrator, for what the two above do not cover. */
  iam(action: string, parameters: Readonly<Record<string, string>>): Promise<string>;
  /** One S3 request with somebody's keys, path style. */
  s3(keys: SigningKeys, method: "GET" | "PUT" | "DELETE", path: string, body?: string): Promise<Response>;
  logTail(): string;
  stop(): Promise<void>;
}

const REGION = "us-east-1";
const ADMIN: SigningKeys = { accessKeyId: "AKADMIN0000000000000", secretAccessKey: "administrators-secret" };
const ALL_OF_S3 = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: ["s3:*"], Resource: "arn:aws:s3:::*" }],
};

/** Starts a gateway with an empty store, which is lost at `stop`. Takes about 1.5 s. */
export function startRadosgw(): Promise<Radosgw> {
  return retryingPorts(startOnce);
}

async function startOnce(): Promise<Radosgw> {
  const folder = temporaryFolder("radosgw");
  const processes: ServerProcess[] = [];
  const stop = async () => {
    // The gateway first: without its monitor it would wait for it. Nothing here is worth a clean shutdown.
    for (const server of processes.splice(0).reverse()) await server.stop();
    folder.remove();
  };
  try {
    const [monitorPort, gatewayPort] = await freePorts(2);
    if (monitorPort === undefined || gatewayPort === undefined) throw new Error("no free ports");
    const ceph = clusterIn(folder.path, { monitorPort, gatewayPort });
    const start = async (name: string, command: string, args: readonly string[]) => {
      const server = await startProcess({
        name,
        command: needed(command),
        // Asking the monitor for more configuration would put its address in place of the monmap and its cluster id.
        args: ["-f", "--no-mon-config", ...args],
        env: ceph.env,
        logFile: join(folder.path, "log", `${name}.out`),
        ownLogFile: join(folder.path, "log", `${name}.log`),
        stopSignal: "SIGKILL",
      });
      processes.push(server);
      return server;
    };

    await ceph.makeMonitor();
    const monitor = await start("mon.a", "ceph-mon", ["-i", "a"]);
    await waitForSocket(monitorPort, { process: monitor, deadlineMs: 15_000 });

    await until("a place for the object store", () => ceph.announceStore(), { process: monitor, deadlineMs: 15_000 });
    await ceph.makeStore();
    const store = await start("osd.0", "ceph-osd", ["-i", "0"]);
    await until("the object store in the cluster", () => ceph.storeIsUp(), {
      process: store,
      deadlineMs: 30_000,
      intervalMs: 50,
    });

    const gateway = await start("client.rgw", "radosgw", ["-n", "client.rgw"]);
    await waitForSocket(gatewayPort, { process: gateway, deadlineMs: 60_000 });
    await ceph.makeAdmin();
    return gatewayAt(`http://127.0.0.1:${gatewayPort}`, () => gateway.logTail(), stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

function clusterIn(folder: string, ports: { readonly monitorPort: number; readonly gatewayPort: number }) {
  const path = (...parts: string[]) => join(folder, ...parts);
  const env = { CEPH_CONF: path("ceph.conf"), HOME: folder };
  const run = (program: string, args: readonly string[]) =>
    runOrThrow(needed(program), args, { env, deadlineMs: 30_000 });
  /** May be refused although nothing is wrong: ceph knows no --no-mon-config. Whoever asks, asks again. */
  const ask = (args: readonly string[]) =>
    runCommand(needed("ceph"), ["--connect-timeout", "10", ...args], { env, deadlineMs: 15_000 });
  const clusterId = randomUUID();
  const storeId = randomUUID();
  const monitorAddress = `v1:127.0.0.1:${ports.monitorPort}`;

  for (const name of ["mon", "osd", "rgw", "run", "log"]) mkdirSync(path(name), { mode: 0o700 });
  writeFileSync(
    path("ceph.conf"),
    configuration({ folder, clusterId, monitorAddress, gatewayPort: ports.gatewayPort }),
  );

  return {
    env,
    async makeMonitor() {
      const keyring = path("keyring");
      await run("monmaptool", ["--create", "--addv", "a", monitorAddress, "--fsid", clusterId, path("monmap")]);
      await run("ceph-authtool", ["--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"]);
      await run("ceph-mon", ["--mkfs", "-i", "a", "--monmap", path("monmap"), "--keyring", keyring]);
    },
    async announceStore() {
      return (await ask(["osd", "new", storeId, "0"])).status === 0;
    },
    async makeStore() {
      await run("ceph-osd", ["--mkfs", "-i", "0", "--osd-uuid", storeId]);
    },
    async storeIsUp() {
      const { status, stdout } = await ask(["osd", "stat", "--format", "json"]);
      return status === 0 && (JSON.parse(stdout) as { num_up_osds: number }).num_up_osds === 1;
    },
    async makeAdmin() {
      await run("radosgw-admin", [
        ...["-n", "client.rgw", "user", "create", "--uid=admin", "--display-name=admin"],
        ...[`--access-key=${ADMIN.accessKeyId}`, `--secret-key=${ADMIN.secretAccessKey}`],
        "--caps=oidc-provider=*;roles=*;user-policy=*",
      ]);
    },
  };
}

function configuration(options: {
  readonly folder: string;
  readonly clusterId: string;
  readonly monitorAddress: string;
  readonly gatewayPort: number;
}): string {
  const { folder, clusterId, monitorAddress, gatewayPort } = options;
  return `[global]
fsid = ${clusterId}
mon host = ${monitorAddress}
# From here a client knows the cluster's id. Told by the monitor alone, it may send a command before, which is refused.
monmap = ${folder}/monmap
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
ms initial mode = crc
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = true
keyring = ${folder}/keyring
run dir = ${folder}/run
log file = ${folder}/log/$name.log
admin socket = ${folder}/run/$name.$pid.asok
pid file = ${folder}/run/$name.pid
mon data = ${folder}/mon
osd data = ${folder}/osd
rgw data = ${folder}/rgw

# One copy of everything on one in-memory store, and no protest about it.
osd objectstore = memstore
memstore device bytes = 536870912
osd crush chooseleaf type = 0
osd class load list = *
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 2000
mon data avail crit = 1

# Each of the gateway's pools waits for the monitor's next proposal, which is a second by default: 12 s instead of 1.
paxos propose interval = 0.05
paxos min wait = 0.01

rgw frontends = beast endpoint=127.0.0.1:${gatewayPort}
rgw s3 auth use sts = true
rgw sts key = ${randomBytes(8).toString("hex")}
rgw verify ssl = false
rgw enable usage log = false
debug rgw = 1
`;
}

function gatewayAt(endpoint: string, logTail: () => string, stop: () => Promise<void>): Radosgw {
  const iam = async (action: string, parameters: Readonly<Record<string, string>>): Promise<string> => {
    const response = await fetchSigned({
      method: "POST",
      url: new URL("/", endpoint),
      service: "iam",
      region: REGION,
      keys: ADMIN,
      contentType: "application/x-www-form-urlencoded",
      body: new URLSearchParams({ Action: action, Version: "2010-05-08", ...parameters }).toString(),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`radosgw refused ${action}: ${response.status} ${text}`);
    return text;
  };
  return {
    endpoint,
    region: REGION,
    admin: ADMIN,
    iam,
    async registerOidcProvider({ issuer, thumbprint, clientIds }) {
      const answer = await iam("CreateOpenIDConnectProvider", {
        Url: issuer,
        "ThumbprintList.member.1": thumbprint,
        ...Object.fromEntries(clientIds.map((id, index) => [`ClientIDList.member.${index + 1}`, id])),
      });
      return element(answer, "OpenIDConnectProviderArn");
    },
    async createRole({ name, trustPolicy, permissions = ALL_OF_S3, maxSessionSeconds = 3_600 }) {
      const answer = await iam("CreateRole", {
        RoleName: name,
        AssumeRolePolicyDocument: JSON.stringify(trustPolicy),
        MaxSessionDuration: String(maxSessionSeconds),
      });
      await iam("PutRolePolicy", {
        RoleName: name,
        PolicyName: "permissions",
        PolicyDocument: JSON.stringify(permissions),
      });
      return element(answer, "Arn");
    },
    s3: (keys, method, path, body) =>
      fetchSigned({
        method,
        url: new URL(path, endpoint),
        service: "s3",
        region: REGION,
        keys,
        ...(body === undefined ? {} : { body }),
      }),
    logTail,
    stop,
  };
}

function element(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  if (text === undefined) throw new Error(`radosgw's answer has no ${name}: ${xml}`);
  return text;
}
