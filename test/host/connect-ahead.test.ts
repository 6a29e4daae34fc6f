import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { clock } from "../../src/host/clock.ts";
import { realHttp } from "../../src/host/http/request.ts";
import { until } from "../bin/black-box.ts";
import { type CertificateAuthority, createCertificateAuthority } from "../support/certificates.ts";
import { type ListeningServer, listen, listenOn } from "../support/listening-server.ts";
import { closedPort } from "../support/misbehaving-server.ts";
import { refusalOf } from "../support/saml-world.ts";

let ca: CertificateAuthority;
let directory: string;
let caFile: string;
const open: { close(): unknown }[] = [];
beforeAll(async () => {
  ca = await createCertificateAuthority();
  directory = mkdtempSync(path.join(tmpdir(), "sts-broker-ahead-"));
  caFile = path.join(directory, "ca.pem");
  writeFileSync(caFile, ca.cert);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function stack(env: Record<string, string> = {}) {
  const lines: string[] = [];
  const log = { enabled: true, debug: (_: string, line: string) => void lines.push(line), warn: () => {} };
  const http = realHttp(env, clock, log);
  open.push(http);
  return { http, lines };
}

async function server(secure: boolean): Promise<ListeningServer> {
  const tls = secure ? await ca.issueServer() : undefined;
  const listening = await listen((req, res) => {
    req.resume();
    res.end("hello");
  }, tls);
  open.push(listening);
  return listening;
}

describe("a connection that is opened ahead", () => {
  it.each([true, false])("is the one that the request takes, and the next one (TLS: %s)", async (secure) => {
    const { http } = stack();
    const { url, connections } = await server(secure);
    const tls = { peer: "aws", caFile } as const;
    http.connectAhead(url, tls);
    http.connectAhead(`${url}/again`, tls);
    await until("it is there", () => connections() === 1);
    for (const method of ["POST", "GET"] as const)
      expect(await http.request({ method, url, tls, ...(method === "POST" ? { body: "x" } : {}) })).toMatchObject({
        status: 200,
      });
    expect(connections()).toBe(1);
  });

  it("is taken while it is still being opened", async () => {
    const { http } = stack();
    const { url, connections } = await server(true);
    http.connectAhead(url, { caFile });
    expect(await http.request({ method: "GET", url, tls: { caFile } })).toMatchObject({ status: 200 });
    expect(connections()).toBe(1);
  });

  it("is not for a request that trusts others", async () => {
    const { http } = stack({ SSL_CERT_FILE: caFile });
    const { url, connections } = await server(true);
    http.connectAhead(url, { peer: "aws" });
    await until("it is there", () => connections() === 1);
    await http.request({ method: "GET", url });
    expect(connections()).toBe(2);
  });

  it("and fails is as if it had never been: the request says what is wrong, in the same words", async () => {
    const { url } = await server(true);
    for (const target of [url, `https://127.0.0.1:${await closedPort()}`, "https://169.254.169.254"]) {
      const alone = await refusalOf(stack().http.request({ method: "GET", url: target }));
      const { http, lines } = stack();
      http.connectAhead(target);
      // Once as it is being opened, once when it has failed.
      for (const _ of [1, 2]) {
        const { code, message, hint } = await refusalOf(http.request({ method: "GET", url: target }));
        expect({ code, message, hint }).toEqual({ code: alone.code, message: alone.message, hint: alone.hint });
        expect(lines.join("\n")).not.toMatch(/ahead.*fail/);
      }
    }
  });

  it("and that its server has given up is not used", async () => {
    const sockets: Socket[] = [];
    const listening = await listenOn(
      createServer((socket) => {
        sockets.push(socket);
        socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
      }),
      "http",
    );
    open.push(listening);
    const { http } = stack();
    http.connectAhead(listening.url);
    await until("it is there", () => sockets.length === 1);
    const gone = new Promise((resolve) => sockets[0]?.once("close", resolve));
    sockets[0]?.end();
    await gone;
    const post = { method: "POST", url: listening.url, body: "x" } as const;
    expect(await http.request(post)).toMatchObject({ status: 200 });
    expect(sockets).toHaveLength(2);
  });

  it("and that breaks when it is used: what may be repeated goes over another one", async () => {
    const sockets: Socket[] = [];
    const listening = await listenOn(
      createServer((socket) => {
        sockets.push(socket);
        if (sockets.length === 1) socket.once("data", () => socket.resetAndDestroy());
        else socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
      }),
      "http",
    );
    open.push(listening);
    const { http } = stack();
    const { url } = listening;
    http.connectAhead(url);
    await until("it is there", () => sockets.length === 1);
    expect(await http.request({ method: "POST", url, body: "x", repeatable: true })).toMatchObject({ status: 200 });
    sockets.length = 0;
    const other = stack().http;
    other.connectAhead(url);
    await until("it is there", () => sockets.length === 1);
    expect(await refusalOf(other.request({ method: "POST", url, body: "x" }))).toMatchObject({ code: "UNREACHABLE" });
    expect(sockets).toHaveLength(1);
  });

  it("is not opened where a certificate would not be checked", async () => {
    const { http } = stack({ NODE_TLS_REJECT_UNAUTHORIZED: "0" });
    const { url, connections } = await server(true);
    http.connectAhead(url, { caFile });
    await expect(http.request({ method: "GET", url, tls: { caFile } })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
    expect(connections()).toBe(0);
  });

  describe("through a proxy that asks who we are", () => {
    const IDP = "https://idp.corp.example/";
    const STS = "https://sts.eu-west-1.amazonaws.com/";

    async function proxy(answer: string) {
      const asked: string[] = [];
      const listening = await listenOn(
        createServer((socket) =>
          socket.once("data", (bytes) => {
            asked.push(/^CONNECT (\S+):443 /.exec(String(bytes))?.[1] ?? "");
            socket.end(`HTTP/1.1 ${answer}\r\ncontent-length: 0\r\n\r\n`);
          }),
        ),
        "http",
      );
      open.push(listening);
      const { http } = stack({ HTTPS_PROXY: listening.url.replace("://", "://ana:wrong@") });
      return { http, asked };
    }

    it("waits until the proxy has taken a name and password: a wrong one is sent once", async () => {
      const { http, asked } = await proxy("407 Proxy Authentication Required");
      const answering = refusalOf(http.request({ method: "GET", url: IDP }));
      http.connectAhead(STS, { peer: "aws" });
      expect(await answering).toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("HTTP 407") });
      // Whatever had been under way would have come before this one.
      await refusalOf(http.request({ method: "GET", url: IDP }));
      expect(asked).toEqual(["idp.corp.example", "idp.corp.example"]);
    });

    it("is opened beside the rest of the first request, and later at once", async () => {
      const { http, asked } = await proxy("200 OK");
      const answering = refusalOf(http.request({ method: "GET", url: IDP }));
      http.connectAhead(STS, { peer: "aws" });
      await answering;
      await until("STS is connected to", () => asked[1] === "sts.eu-west-1.amazonaws.com");
      http.connectAhead(STS.replace("west", "central"), { peer: "aws" });
      await until("and the other", () => asked[2] === "sts.eu-central-1.amazonaws.com");
    });
  });
});
