import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { freePorts, runCommand } from "./process.ts";
import { describeSystem } from "./requirements.ts";
import { startTinyproxy, TINYPROXY_PROGRAMS, type Tinyproxy, type TinyproxyOptions } from "./tinyproxy.ts";

describeSystem("tinyproxy", [...TINYPROXY_PROGRAMS, "curl"], () => {
  const target = createServer((_request, response) => response.end("behind the proxy"));
  let port = 0;
  let proxy: Tinyproxy | undefined;
  beforeAll(async () => {
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    port = (target.address() as AddressInfo).port;
  });
  afterAll(() => {
    target.close();
    target.closeAllConnections();
  });
  afterEach(async () => {
    await proxy?.stop();
    proxy = undefined;
  });
  const start = async (options?: TinyproxyOptions) => {
    proxy = await startTinyproxy(options);
    return proxy;
  };
  /** What the proxy said to CONNECT, and what came through the tunnel. */
  const get = async (proxyUrl: string, url: string) => {
    const args = ["-q", "-s", "--noproxy", "", "--proxytunnel", "-x", proxyUrl, "-w", "%{http_connect} ", url];
    const [body = "", status] = (await runCommand("curl", args)).stdout.split(/(\d+) $/);
    return { status: Number(status), body };
  };

  test("opens a tunnel to a name that only it knows, for whoever has the password", async () => {
    const { url, urlWithCredentials, connects, requests } = await start({
      credentials: { user: "batch", password: "s3cret" },
      connectPorts: [port],
      names: ["idp.corp.example"],
    });
    const page = `http://idp.corp.example:${port}/`;
    expect(await get(urlWithCredentials, page)).toEqual({ status: 200, body: "behind the proxy" });
    expect(connects()).toEqual([`idp.corp.example:${port}`]);

    expect(await get(url, page)).toEqual({ status: 407, body: "" });
    expect(await get(url.replace("//", "//batch:wrong@"), page)).toEqual({ status: 401, body: "" });
    expect(await get(urlWithCredentials, `http://idp.corp.example:${port - 1}/`)).toEqual({ status: 403, body: "" });
    expect(await get(urlWithCredentials, `http://unknown.example:${port}/`)).toEqual({ status: 500, body: "" });
    expect(connects()).toHaveLength(1);
    expect(requests()).toHaveLength(5);
  });

  test("asks for no password and allows every port when it was told of none", async () => {
    const { url, connects } = await start();
    expect(await get(url, `http://127.0.0.1:${port}/`)).toEqual({ status: 200, body: "behind the proxy" });
    const [closed] = await freePorts(1);
    expect((await get(url, `http://127.0.0.1:${closed}/`)).status).toBe(500);
    expect(connects()).toEqual([`127.0.0.1:${port}`]);
  });
});
