import { EventEmitter } from "node:events";
import type http from "node:http";
import type https from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { HttpsProxyAgent } from "https-proxy-agent";

type Opened = Socket | Promise<Socket | undefined>;

/** How a request to the same place will be sent. */
export type Route = https.RequestOptions & {
  readonly host: string;
  readonly port: number;
  readonly servername: string;
};

/** What an agent calls for a new connection: Node's own and https-proxy-agent's, each by its public method. */
interface Connecting {
  createConnection(
    options: object,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined;
}
interface Tunnelling {
  connect(request: EventEmitter, options: object): Promise<Socket>;
}

export interface Ahead {
  /** Opens a connection, unless there is one for the same place. */
  open(route: Route): void;
  /** Whether a socket is one of them: its server may have given it up before there was anything to send. */
  has(socket: object): boolean;
  close(): void;
}

/**
 * Lets an agent take connections that were opened before there was a request. They are opened as its own are, and each is taken once.
 * One that fails is as if it had never been: the request then opens its own, and says what is wrong. They keep no process alive.
 */
export function openingAhead(agent: http.Agent): Ahead {
  const opened = new Map<string, Opened>();
  const sockets = new Set<Socket>();

  const note = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    return socket.unref();
  };
  const keep = (place: string, socket: Socket): void => {
    const forget = (): void => {
      if (opened.get(place) === socket) opened.delete(place);
    };
    socket.on("error", forget);
    socket.once("close", forget);
    opened.set(place, socket);
    note(socket);
  };
  const take = (place: string): Opened | undefined => {
    const found = opened.get(place);
    opened.delete(place);
    return found;
  };
  const usable = (socket: Socket | undefined): Socket | undefined => {
    if (socket === undefined || socket.destroyed || !socket.writable) return undefined;
    return socket.ref();
  };

  if (agent instanceof HttpsProxyAgent) {
    const tunnels = agent as unknown as Tunnelling;
    const connect = tunnels.connect.bind(agent);
    tunnels.connect = async (request, options) => {
      const socket = usable(await take(placeOf(options as Route)));
      if (socket === undefined) return connect(request, options);
      request.emit("proxyConnect", { statusCode: 200 });
      return socket;
    };
    return ahead((route, place) => {
      const request = new EventEmitter();
      let status = 0;
      request.once("proxyConnect", (answer: { statusCode: number }) => {
        status = answer.statusCode;
      });
      const tunnel = connect(request, {
        ...(agent as unknown as { options: object }).options,
        ...route,
        secureEndpoint: true,
      }).then(
        (socket) => {
          socket.on("error", () => {});
          if (status === 200) return note(socket);
          socket.destroy();
          return undefined;
        },
        () => undefined,
      );
      opened.set(place, tunnel);
    });
  }

  const direct = agent as unknown as Connecting;
  const create = direct.createConnection.bind(agent);
  direct.createConnection = (options, callback) =>
    usable(take(placeOf(options as Route)) as Socket | undefined) ?? create(options, callback);
  return ahead((route, place) => {
    const socket = create({ ...(agent as unknown as { options: object }).options, ...route });
    if (socket) keep(place, socket as Socket);
  });

  function ahead(open: (route: Route, place: string) => void): Ahead {
    return {
      open: (route) => {
        const place = placeOf(route);
        if (!opened.has(place)) open(route, place);
      },
      has: (socket) => sockets.has(socket as Socket),
      close: () => {
        for (const socket of sockets) socket.destroy();
      },
    };
  }
}

/** What else a connection depends on, the agent has for all of its own. */
function placeOf({ host, port }: Route): string {
  return `${host}:${port}`;
}
