import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type DelayProxy, startDelayProxy } from "./delay-proxy.ts";
import { type ListeningServer, listenOn } from "./listening-server.ts";

const ROUND_TRIP_MS = 60;
/** Timers of Node may be early by what they round off. */
const ROUNDED_MS = 2;

let echo: ListeningServer;
let proxy: DelayProxy;
afterEach(async () => {
  await proxy.close();
  await echo.close();
});

async function start(roundTripMs: number): Promise<void> {
  echo = await listenOn(
    createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)),
    "tcp",
  );
  proxy = await startDelayProxy(roundTripMs);
  proxy.target = echo.port;
}

async function open(): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: proxy.port });
  await once(socket, "connect");
  return socket;
}

/** @returns how long the answer took, in ms */
async function ask(socket: Socket, text: string): Promise<number> {
  const startMs = performance.now();
  socket.write(text);
  let seen = "";
  while (seen.length < text.length) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    seen += chunk.toString();
  }
  expect(seen).toBe(text);
  return performance.now() - startMs;
}

describe("the delaying proxy", () => {
  it("makes a first answer cost two round trips, the handshake's being one, and a later one cost one", async () => {
    await start(ROUND_TRIP_MS);
    const startMs = performance.now();
    const socket = await open();
    await ask(socket, "first");
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(2 * ROUND_TRIP_MS - ROUNDED_MS);
    expect(await ask(socket, "second")).toBeGreaterThanOrEqual(ROUND_TRIP_MS - ROUNDED_MS);
    expect(proxy.connections()).toBe(1);
  });

  it("keeps bytes in their order, whatever the distance is changed to", async () => {
    await start(ROUND_TRIP_MS);
    const socket = await open();
    const words = Array.from({ length: 200 }, (_, index) => `word ${index};`);
    for (const [index, word] of words.entries()) {
      socket.write(word);
      if (index === 100) proxy.roundTripMs = 0;
    }
    socket.end();
    const chunks = (await socket.toArray()) as Buffer[];
    expect(Buffer.concat(chunks).toString()).toBe(words.join(""));
  });

  it("adds nothing to speak of without a distance", async () => {
    await start(0);
    const socket = await open();
    const times: number[] = [];
    for (let round = 0; round < 20; round++) times.push(await ask(socket, "x"));
    expect(Math.min(...times)).toBeLessThan(ROUND_TRIP_MS / 2);
  });

  it("tells either side when the other one has gone", async () => {
    await start(0);
    const socket = await open();
    await ask(socket, "x");
    const closed = once(socket, "close");
    await echo.close();
    await closed;
    expect(socket.destroyed).toBe(true);
  });
});
