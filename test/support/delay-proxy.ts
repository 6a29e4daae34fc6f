/**
 * A TCP proxy that puts a distance between client and server. A byte takes half of the round trip each way. The kernel takes connections
 * at once, so the round trip of the TCP handshake is made up for on the client's first bytes: they cannot leave before a whole one has
 * passed since the connection was taken. Name look-ups and the server's own time are not delayed; bandwidth is not limited.
 */
import { connect, createServer, type Socket } from "node:net";
import { listenOn } from "./listening-server.ts";

export interface DelayProxy {
  /** Listens on 127.0.0.1 from the start, so that a server can be told its address before there is one. */
  readonly port: number;
  /** Where connections go from now on. */
  target: number;
  /** Of bytes that arrive from now on. */
  roundTripMs: number;
  /** Taken so far. */
  connections(): number;
  close(): Promise<void>;
}

export async function startDelayProxy(roundTripMs = 0): Promise<DelayProxy> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const openedMs = performance.now() + proxy.roundTripMs;
    const far = connect({ host: "127.0.0.1", port: proxy.target, allowHalfOpen: true, noDelay: true });
    forward(near, far, () => Math.max(performance.now(), openedMs) + proxy.roundTripMs / 2);
    forward(far, near, () => performance.now() + proxy.roundTripMs / 2);
  });
  const listening = await listenOn(server, "tcp");
  const proxy: DelayProxy = {
    port: listening.port,
    target: 0,
    roundTripMs,
    connections: listening.connections,
    close: listening.close,
  };
  return proxy;
}

/** Bytes and the end of them arrive in their order, each at its own time. */
function forward(from: Socket, to: Socket, dueAtMs: () => number): void {
  const queue: { readonly atMs: number; readonly deliver: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const drain = (): void => {
    timer = undefined;
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      const waitMs = first.atMs - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(drain, waitMs);
        return;
      }
      queue.shift();
      first.deliver();
    }
  };
  const later = (deliver: () => void): void => {
    queue.push({ atMs: dueAtMs(), deliver });
    if (timer === undefined) drain();
  };
  from.on("data", (chunk: Buffer) => later(() => to.write(chunk)));
  from.once("end", () => later(() => to.end()));
  from.on("error", () => to.destroy());
  from.once("close", () => {
    if (!from.readableEnded) to.destroy();
  });
}
