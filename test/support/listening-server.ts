/**
 * An http or https server on a free loopback port that can be ended at once. `server.close()` alone waits for keep-alive and hung
 * sockets, which are just what these tests make.
 */
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";

/** TLS of a test server: `ca` is what client certificates are checked against; they are asked for, never demanded. */
export interface ServerTls {
  readonly key: string;
  readonly cert: string;
  readonly ca?: string;
}

/** A server that listens. */
export interface ListeningServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>` or https. */
  readonly url: string;
  /** Connections accepted since the start. */
  connections(): number;
  /** Ends every socket, answered or not, and stops listening. Safe to call twice. */
  close(): Promise<void>;
}

/** Listens on 127.0.0.1 at a port that the kernel chooses. */
export async function listen(handler: RequestListener, tls?: ServerTls): Promise<ListeningServer> {
  const server = tls === undefined ? createServer(handler) : createTlsServer(tlsOptions(tls), handler);
  return listenOn(server, tls === undefined ? "http" : "https");
}

/** The same for any server, a plain TCP one included. */
export async function listenOn(server: Server, scheme: string): Promise<ListeningServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on("connection", (socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}`,
    connections: () => accepted,
    close: () => {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
      return closing;
    },
  };
}

function tlsOptions({ key, cert, ca }: ServerTls): ServerOptions {
  if (ca === undefined) return { key, cert };
  return { key, cert, ca, requestCert: true, rejectUnauthorized: false };
}
