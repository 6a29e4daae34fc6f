import { get as httpGet } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { closedPort, type MisbehavingServer, startMisbehavingServer, startSilentPort } from "./misbehaving-server.ts";

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

function keep<T extends { close(): Promise<void> }>(server: T): T {
  running.push(server);
  return server;
}

describe("a misbehaving server", () => {
  it("answers by path with HTML, half JSON, a redirect and a proxy's 407, and counts", async () => {
    const server = keep(
      await startMisbehavingServer({
        paths: {
          "/html": { kind: "html" },
          "/json": { kind: "invalid-json" },
          "/away": { kind: "redirect", location: "https://elsewhere.example/" },
          "/proxy": { kind: "proxy-authentication" },
        },
      }),
    );
    expect((await get(server, "/html")).headers.get("content-type")).toContain("text/html");
    await expect((await get(server, "/json")).json()).rejects.toThrow(SyntaxError);
    expect((await get(server, "/away?x=1")).headers.get("location")).toBe("https://elsewhere.example/");
    expect(await statusOf(`${server.url}/proxy`)).toBe(407);
    expect((await get(server, "/none")).status).toBe(404);
    expect([server.count(), server.count("/away")]).toEqual([5, 1]);
  });

  it("hangs until it is closed, and then lets go at once", async () => {
    const server = keep(await startMisbehavingServer({ standing: { kind: "hang" } }));
    const pending = get(server, "/");
    const outcome = expect(pending).rejects.toThrow();
    await expect.poll(() => server.count()).toBe(1);
    await server.close();
    await outcome;
  });

  it("drips for ever and gives up when the caller does", async () => {
    const server = keep(await startMisbehavingServer({ standing: { kind: "drip", everyMs: 5 } }));
    const caller = new AbortController();
    const reader = (await get(server, "/", caller.signal)).body?.getReader();
    let bytes = 0;
    while (bytes < 5) bytes += (await reader?.read())?.value?.length ?? 0;
    caller.abort();
    expect(bytes).toBeGreaterThanOrEqual(5);
  });

  it("pours out as much as it is told", async () => {
    const server = keep(await startMisbehavingServer({ standing: { kind: "huge", bytes: 3_000_000 } }));
    expect((await (await get(server, "/")).arrayBuffer()).byteLength).toBeGreaterThan(3_000_000);
  });

  it("resets, once, and then delays and answers", async () => {
    const server = keep(await startMisbehavingServer());
    server.faults.next("*", { kind: "reset" });
    server.faults.next("/late", { kind: "delay", ms: 5 });
    await expect(get(server, "/late")).rejects.toThrow();
    expect((await get(server, "/late")).status).toBe(404);
  });

  it("can be a port that is silent, that resets, or that is closed", async () => {
    const silent = keep(await startSilentPort());
    const socket = connect(silent.port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    await expect.poll(() => silent.connections()).toBe(1);
    const ended = new Promise((resolve) => socket.once("close", resolve));
    await silent.close();
    await ended;
    const resetting = keep(await startSilentPort("reset"));
    await expect(fetch(`http://127.0.0.1:${resetting.port}`)).rejects.toThrow();
    await expect(fetch(`http://127.0.0.1:${await closedPort()}`)).rejects.toThrow();
  });
});

function get(server: MisbehavingServer, path: string, signal?: AbortSignal): Promise<Response> {
  return fetch(server.url + path, { redirect: "manual", ...(signal ? { signal } : {}) });
}

// fetch turns a 407 into a network error, as its standard says.
function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    httpGet(url, (res) => resolve(res.resume().statusCode)).on("error", reject);
  });
}
