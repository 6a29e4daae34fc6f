import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Loopback, LoopbackAnswer } from "./host.ts";

/** A browser's redirect is one small GET, sent at once. */
const REQUEST_MS = 5_000;
const MAX_HEADER_BYTES = 32 * 1024;
const MAX_CONNECTIONS = 32;
/** Fewer than all: what is being answered has its place. */
const MAX_IDLE = 16;
/** What a browser may take for its last page. */
const CLOSING_MS = 1_000;

/** @see Loopback.listen */
export const listenOnLoopback: Loopback["listen"] = async (address, port, answer) => {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: REQUEST_MS,
      keepAlive: false,
    },
    (request, response) => {
      // Whatever somebody sends along is thrown away, and ends the connection where it is long.
      request.resume();
      const { method = "", url: target = "", headers } = request;
      const send = ({ status, headers: more, body }: LoopbackAnswer): void => {
        const bytes = Buffer.from(body);
        response.writeHead(status, { ...more, "content-length": bytes.length, connection: "close" });
        response.end(method === "HEAD" ? undefined : bytes);
      };
      answer({ method, target, host: headers.host ?? "" }).then(send, () => response.destroy());
    },
  );
  // Connections that have asked nothing yet, the oldest first: one that is held open for nothing must not keep the browser out.
  const idle = new Set<Socket>();
  server.on("connection", (socket) => {
    idle.add(socket);
    socket.once("close", () => idle.delete(socket));
    const [oldest] = idle;
    if (idle.size > MAX_IDLE) oldest?.destroy();
  });
  server.on("request", ({ socket }) => idle.delete(socket));
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port, exclusive: true }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), CLOSING_MS);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
};
