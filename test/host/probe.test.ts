import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Probe } from "../../src/host/host.ts";
import { realProbe } from "../../src/host/probe.ts";
import { type Certificate, type CertificateAuthority, createCertificateAuthority } from "../support/certificates.ts";
import { type ListeningServer, listen, listenOn } from "../support/listening-server.ts";
import { temporaryFolder } from "../system/servers/process.ts";

const folder = temporaryFolder("probe");
const servers: ListeningServer[] = [];
let authority: CertificateAuthority;
let certificate: Certificate;
let server: ListeningServer;
let requests = 0;

beforeAll(async () => {
  authority = await createCertificateAuthority("Corp Root CA");
  certificate = await authority.issueServer(["idp.corp.example"]);
  writeFileSync(path.join(folder.path, "ca.pem"), authority.cert);
  server = await listen((_, res) => {
    requests += 1;
    res.end();
  }, certificate);
  servers.push(server);
});
afterAll(async () => {
  await Promise.all(servers.map((one) => one.close()));
  folder.remove();
});

const LOOPBACK = async () => [{ address: "127.0.0.1", family: 4 }];
const SELF = ["node", "sts-broker.cjs"];

function probe(env: Record<string, string> = {}, resolve: Parameters<typeof realProbe>[1] = LOOPBACK): Probe {
  return realProbe(env, resolve, SELF);
}

const caFile = () => path.join(folder.path, "ca.pem");
const named = (host = "idp.corp.example") => `https://${host}:${server.port}/`;

/** A proxy that opens tunnels to the server whatever it is asked for, and notes what. */
async function tunnel(status = 200) {
  const asked: string[] = [];
  const proxy = createServer();
  proxy.on("connect", (request, socket) => {
    asked.push(`${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
    if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const onward = connect(server.port, "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
    for (const [from, to] of [
      [onward, socket],
      [socket, onward],
    ] as const)
      from.on("error", () => to.destroy()).pipe(to);
  });
  const listening = await listenOn(proxy, "http");
  servers.push(listening);
  return { url: listening.url, asked };
}

describe("the certificates of a server", () => {
  it("are shown up to the authority that is trusted, and no request is sent", async () => {
    const chain = await probe().certificates(named(), { caFile: caFile() }, 5_000);
    expect(chain).toMatchObject({ publicRoot: "no", problem: undefined });
    expect(chain.certificates.map(({ subject, issuer }) => [subject, issuer])).toEqual([
      ["idp.corp.example", "Corp Root CA"],
      ["Corp Root CA", "Corp Root CA"],
    ]);
    const inADayMs = Date.now() + 86_400_000;
    expect(Math.abs((chain.certificates[0]?.notAfterMs ?? 0) - inADayMs)).toBeLessThan(600_000);
    expect(requests).toBe(0);
  });

  it("are shown though they are not trusted, with who signed them and the setting to look at", async () => {
    const { certificates, problem, publicRoot } = await probe().certificates(named(), { peer: "aws" }, 5_000);
    expect(certificates[0]).toMatchObject({ issuer: "Corp Root CA" });
    expect(publicRoot).not.toBe("yes");
    expect(problem).toMatchObject({ code: "UNREACHABLE", hint: expect.stringContaining("AWS_CA_BUNDLE") });
    expect(problem?.message).toMatch(/not signed by an authority this machine trusts, but by "Corp Root CA"/);
  });

  it("are a problem where they are for another host", async () => {
    const { problem } = await probe().certificates(named("other.corp.example"), { caFile: caFile() }, 5_000);
    expect(problem?.message).toMatch(/is for another host/);
  });

  it("are fetched through the proxy, with its password", async () => {
    const { url, asked } = await tunnel();
    const env = { HTTPS_PROXY: url.replace("//", "//ana:p4ss@") };
    const chain = await probe(env).certificates(named(), { caFile: caFile() }, 5_000);
    expect(chain.problem).toBeUndefined();
    expect(asked).toEqual([`idp.corp.example:${server.port} Basic ${Buffer.from("ana:p4ss").toString("base64")}`]);
    expect(await probe(env).proxy(named())).toBe(url);
  });

  it("are not to be had from a proxy that refuses, a server that is gone, or one that says nothing", async () => {
    const { url } = await tunnel(407);
    const through = probe({ HTTPS_PROXY: url }).certificates(named(), {}, 5_000);
    await expect(through).rejects.toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("HTTP 407") });
    const gone = probe().certificates("https://127.0.0.1:1/", {}, 5_000);
    await expect(gone).rejects.toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("refuses") });
    const silent = await listenOn(createTcpServer(), "tcp");
    servers.push(silent);
    const waiting = probe().certificates(`https://127.0.0.1:${silent.port}/`, {}, 200);
    await expect(waiting).rejects.toMatchObject({ code: "TIMEOUT" });
  });
});

describe("a look at the network", () => {
  it("takes a port that is open, and names why another is not", async () => {
    await probe().connect("kdc.corp.example", server.port, 5_000);
    await expect(probe().connect("127.0.0.1", 1, 5_000)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("waits for no name server that is silent", async () => {
    const silent = probe({}, () => new Promise(() => {}));
    await expect(silent.addresses("idp.corp.example", 100)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    await expect(silent.connect("idp.corp.example", 88, 100)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    expect(await probe().addresses("idp.corp.example", 100)).toEqual(["127.0.0.1"]);
  });
});

describe("a look at this installation", () => {
  it("names what runs us and the addons that can be loaded", async () => {
    expect(await probe().runtime()).toEqual({ name: "node", version: process.versions.node, standalone: false });
    for (const self of [["/usr/bin/sts-broker"], ["/usr/bin/sts-broker", "/$bunfs/root/sts-broker"]])
      expect(await realProbe({}, LOOPBACK, self).runtime()).toMatchObject({ standalone: true });
    expect(await probe().addon("fs-native-extensions")).toBeUndefined();
  });
});
