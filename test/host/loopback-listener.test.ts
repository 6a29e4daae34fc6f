/** The listener on real sockets. */
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { LoopbackAnswer, LoopbackListener, LoopbackRequest } from "../../src/host/host.ts";
import { listenOnLoopback } from "../../src/host/loopback-listener.ts";

const open: LoopbackListener[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close()));
});

const PAGE: LoopbackAnswer = { status: 200, headers: { "content-type": "text/plain" }, body: "grüß dich" };

async function listening(answer: (request: LoopbackRequest) => Promise<LoopbackAnswer> = async () => PAGE) {
  const seen: LoopbackRequest[] = [];
  const listener = await listenOnLoopback("127.0.0.1", 0, async (request) => {
    seen.push(request);
    return answer(request);
  });
  open.push(listener);
  return { listener, seen, url: `http://127.0.0.1:${listener.port}` };
}

/** What a server answers to bytes as they are. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    socket.setEncoding("utf8").on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("close", () => resolve(answer)).on("error", reject);
  });
}

describe("the loopback listener", () => {
  it("hands on method, target and Host, and sends the answer whole", async () => {
    const { seen, url, listener } = await listening();
    const answer = await fetch(`${url}/callback?code=a%20b`);
    expect(await answer.text()).toBe("grüß dich");
    expect(answer.headers.get("connection")).toBe("close");
    expect(seen).toEqual([{ method: "GET", target: "/callback?code=a%20b", host: `127.0.0.1:${listener.port}` }]);
  });

  it("sends no body to a HEAD, and reads none of a POST", async () => {
    const { url, seen } = await listening();
    expect(await (await fetch(url, { method: "HEAD" })).text()).toBe("");
    await fetch(url, { method: "POST", body: "x".repeat(100_000) });
    expect(seen.map(({ method }) => method)).toEqual(["HEAD", "POST"]);
  });

  it("refuses headers that no browser sends", async () => {
    const { listener, seen } = await listening();
    const answer = await raw(listener.port, `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${"x".repeat(40_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(seen).toEqual([]);
  });

  it("is reached from this machine's loopback address alone", async () => {
    const { listener } = await listening();
    expect(listener.port).toBeGreaterThan(1023);
    const { networkInterfaces } = await import("node:os");
    const others = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).filter(({ internal }) => !internal));
    const [other] = others.filter(({ family }) => family === "IPv4");
    if (other === undefined) return;
    await expect(fetch(`http://${other.address}:${listener.port}/`)).rejects.toThrow();
  });

  it("says which port is taken", async () => {
    const { listener } = await listening();
    await expect(listenOnLoopback("127.0.0.1", listener.port, async () => PAGE)).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });

  it("answers what is under way before it is closed, and nobody after it", async () => {
    let finish: ((answer: LoopbackAnswer) => void) | undefined;
    const { url, listener, seen } = await listening(() => new Promise((resolve) => (finish = resolve)));
    const page = fetch(url).then((answer) => answer.text());
    while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = listener.close();
    finish?.(PAGE);
    expect(await page).toBe("grüß dich");
    await closed;
    await expect(fetch(url)).rejects.toThrow();
  });

  it("answers at once though others hold connections open for nothing", async () => {
    const { url, listener } = await listening();
    const sockets = Array.from({ length: 60 }, () => connect(listener.port, "127.0.0.1"));
    try {
      for (const socket of sockets) socket.on("error", () => undefined);
      await Promise.all(sockets.slice(0, 16).map((socket) => new Promise((resolve) => socket.once("close", resolve))));
      expect(await (await fetch(url)).text()).toBe("grüß dich");
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  it("does not wait for a browser that never ends its request", async () => {
    const { listener } = await listening();
    const hanging = raw(listener.port, "GET / HT");
    await listener.close();
    expect(await hanging.catch(() => "")).not.toContain("200 OK");
  });
});
