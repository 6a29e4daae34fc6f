// Through tinyproxy, which alone can resolve the names of the identity provider and of the STS.

import type { IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Certificate, createCertificateAuthority } from "../support/certificates.ts";
import { type ListeningServer, listenOn } from "../support/listening-server.ts";
import { startMainJob } from "../support/main-job.ts";
import { closedPort } from "../support/misbehaving-server.ts";
import { type CorporateNetwork, IDP_HOST, STS_HOST, signedBy, startCorporateNetwork } from "./corporate-network.ts";
import { failureOf } from "./failing.ts";
import { describeSystem } from "./servers/requirements.ts";
import { startTinyproxy, TINYPROXY_PROGRAMS, type Tinyproxy, type TinyproxyOptions } from "./servers/tinyproxy.ts";

const NAMES = [IDP_HOST, STS_HOST];
const PASSWORD = "canary/of the:proxy@password%";

describeSystem("behind a proxy", TINYPROXY_PROGRAMS, () => {
  let corp: CorporateNetwork;
  let proxy: Tinyproxy | undefined;
  beforeAll(async () => {
    corp = await startCorporateNetwork();
  });
  afterAll(() => corp?.close());
  beforeEach(() => {
    corp.world.reset();
    corp.configure();
    corp.forget();
  });
  afterEach(async () => {
    await proxy?.stop();
    proxy = undefined;
  });
  const start = async (options: TinyproxyOptions = {}): Promise<Tinyproxy> => {
    proxy = await startTinyproxy({ names: NAMES, ...options });
    return proxy;
  };
  const withProxy = (url: string, more: Record<string, string> = {}) =>
    corp.run({ HTTPS_PROXY: url, AWS_CA_BUNDLE: corp.awsCaFile, ...more });

  test("both the provider and STS are reached through it", async () => {
    const { url, connects } = await start();
    const result = await withProxy(url);
    expect(result).toMatchObject({ status: 0, stderr: "" });
    // Once each: the tunnel to STS, opened while the provider is asked, is the one that is used.
    expect(connects().sort()).toEqual([corp.idp, corp.sts].sort());
  });

  test("it gets its user and password, percent-decoded", async () => {
    // tinyproxy's configuration takes nothing but letters, digits and these.
    const { urlWithCredentials, connects } = await start({ credentials: { user: "batch", password: "s-3._x" } });
    expect(await withProxy(urlWithCredentials.replace("-3._x", "%2d3%2E_x"))).toMatchObject({ status: 0, stderr: "" });
    expect(new Set(connects())).toEqual(new Set([corp.idp, corp.sts]));
  });

  for (const name of ["https_proxy", "ALL_PROXY"]) {
    test(`${name} works as HTTPS_PROXY does`, async () => {
      const { url, connects } = await start();
      const result = await corp.run({ [name]: url.replace("http://", ""), AWS_CA_BUNDLE: corp.awsCaFile });
      expect(result).toMatchObject({ status: 0, stderr: "" });
      expect(connects()).toContain(corp.sts);
    });
  }

  for (const noProxy of [STS_HOST, `localhost, .corp.test ${STS_HOST}`, "sts.CORP.example:PORT"]) {
    test(`NO_PROXY=${noProxy} leads to STS without it`, async () => {
      const { url, requests } = await start();
      const result = await withProxy(url, {
        NO_PROXY: noProxy.replace("PORT", String(corp.world.sts.port)),
        ...corp.resolving({ [STS_HOST]: "127.0.0.1" }),
      });
      expect(result).toMatchObject({ status: 0, stderr: "" });
      expect(new Set(requests())).toEqual(new Set([corp.idp]));
    });
  }

  test("NO_PROXY for a parent domain leads past it altogether", async () => {
    const { url, requests } = await start();
    const result = await withProxy(url, { NO_PROXY: ".corp.example", ...corp.resolving() });
    expect(result).toMatchObject({ status: 0, stderr: "" });
    expect(requests()).toEqual([]);
  });

  test("loopback is never asked for through it, https or not", async () => {
    const { url, requests } = await start();
    const ca = await createCertificateAuthority();
    const tls = await ca.issueServer();
    for (const options of [{}, { op: { tls }, sts: { tls, issuerCa: ca.cert } }]) {
      const job = await startMainJob(options);
      try {
        const env = { HTTPS_PROXY: url, HTTP_PROXY: url, ALL_PROXY: url };
        const caFile = job.sandbox.file("ca.pem", ca.cert);
        const result = await job.sandbox.run(["credential-process"], { env: { ...env, SSL_CERT_FILE: caFile } });
        expect(result).toMatchObject({ status: 0, stderr: "" });
      } finally {
        await job.close();
      }
    }
    expect(requests()).toEqual([]);
  });

  test("a missing or wrong password is named, and not shown", async () => {
    const { url, connects } = await start({ credentials: { user: "batch", password: "right" } });
    const missing = failureOf(await withProxy(url), 5);
    expect(missing.line).toBe(`the proxy ${url} wants other credentials (HTTP 407)`);
    expect(missing.hint).toContain("HTTPS_PROXY");
    const wrong = await withProxy(url.replace("//", `//batch:${encodeURIComponent(PASSWORD)}@`), {
      STS_BROKER_DEBUG: "1",
    });
    expect(wrong.status).toBe(5);
    expect(wrong.stderr).toContain(`sts-broker: the proxy ${url} wants other credentials (HTTP 401)`);
    for (const form of [PASSWORD, encodeURIComponent(PASSWORD), btoa(`batch:${PASSWORD}`), "canary"]) {
      expect(wrong.stderr).not.toContain(form);
    }
    expect(connects()).toEqual([]);
  });

  test("a port that it forbids is named with the host", async () => {
    const { url } = await start({ connectPorts: [443] });
    const { line, hint } = failureOf(await withProxy(url), 5);
    expect(line).toBe(`the proxy ${url} refuses to connect to ${corp.idp} (HTTP 403)`);
    expect(hint).toContain("NO_PROXY");
  });

  test("a host that it does not know is named with the proxy", async () => {
    const { url } = await start({ names: [STS_HOST] });
    const { line } = failureOf(await withProxy(url), 5);
    expect(line).toContain(corp.idp);
    expect(line).toContain(url);
    expect(line).toMatch(/HTTP 50\d/);
  });

  test("when it is down, the line names it and the hint the setting, without its password", async () => {
    const address = `127.0.0.1:${await closedPort()}`;
    const result = await withProxy(`http://batch:${encodeURIComponent(PASSWORD)}@${address}`);
    const { line, hint } = failureOf(result, 5);
    expect(line).toContain(`the proxy http://${address}`);
    expect(line).toContain("refuses connections");
    expect(hint).toContain("HTTPS_PROXY");
    expect(result.stderr).not.toContain("canary");
  });

  test("when its name is unknown, the line names it and the hint the setting", async () => {
    const { line, hint } = failureOf(await withProxy("http://batch:canary@proxy.corp.invalid:3128"), 5);
    expect(line).toContain("proxy.corp.invalid");
    expect(hint).toContain("HTTPS_PROXY");
    expect(line + hint).not.toContain("canary");
  });

  test("a proxy that cannot be used is refused without quoting it", async () => {
    for (const [value, says] of [
      ["http://batch:canary@[bad", "HTTPS_PROXY is not a URL"],
      ["http://batch:canary%zz@127.0.0.1:3128", "HTTPS_PROXY is not a URL"],
      ["socks5://batch:canary@127.0.0.1:1080", "HTTPS_PROXY has the scheme socks5:"],
    ] as const) {
      const { line, hint } = failureOf(await withProxy(value), 2);
      expect(line).toContain(says);
      expect(line + hint).not.toContain("canary");
    }
  });

  test("one that speaks TLS itself is reached with SSL_CERT_FILE's authorities, and blamed for its own certificate", async () => {
    const secure = await startTlsProxy(await corp.idpAuthority.issueServer(["proxy.corp.example"]));
    try {
      const url = `https://127.0.0.1:${secure.port}`;
      const { line, hint } = failureOf(await withProxy(url), 5);
      expect(line).toContain(`the certificate of the proxy ${url} is not signed by an authority this machine trusts`);
      expect(hint).toMatch(/name its certificate in SSL_CERT_FILE$/);
      expect(secure.targets).toEqual([]);
      expect(await withProxy(url, { SSL_CERT_FILE: corp.idpCaFile })).toMatchObject({ status: 0, stderr: "" });
      expect(new Set(secure.targets)).toEqual(new Set([corp.idp, corp.sts]));
    } finally {
      await secure.close();
    }
  });

  test("the certificate behind it is judged as ever", async () => {
    const { url } = await start();
    corp.configure({ caFile: null });
    const { line } = failureOf(await withProxy(url), 5);
    expect(line).toContain(
      `the certificate of ${corp.idp} is not signed by an authority this machine trusts${signedBy("Corp CA")}`,
    );
  });
});

/** tinyproxy speaks no TLS to its clients. Every name is 127.0.0.1 to this one. */
async function startTlsProxy(tls: Certificate): Promise<ListeningServer & { readonly targets: readonly string[] }> {
  const targets: string[] = [];
  const server = createTlsServer({ ...tls });
  server.on("connect", (request: IncomingMessage, client: Socket) => {
    targets.push(request.url ?? "");
    const upstream = connect({ host: "127.0.0.1", port: Number(request.url?.split(":")[1]) }, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [client, upstream]) {
      socket.on("error", () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  return { ...(await listenOn(server, "https")), targets };
}
