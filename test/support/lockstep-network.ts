/**
 * A network on which time is counted in round trips. What a process sends, the opening of a connection included, is held back until it has
 * nothing left to do but wait; then all of it travels at once, and what the servers answer arrives together. So what is sent side by side
 * costs one trip, and what waits for an answer costs one more, however busy the machine is. Linux only: /proc tells who waits.
 */
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface LockstepNetwork {
  /** A port in front of a server. @param name how `trips` calls it */
  front(name: string, port: () => number): Promise<number>;
  /**
   * Moves while a process runs. Without one, it just moves.
   * @returns what was under way in each round trip, as in ["idp: connect", "idp: data, sts: connect"]
   */
  trips<T>(start: (onStart: (child: ChildProcess) => void) => Promise<T>): Promise<{ result: T; trips: string[] }>;
  close(): Promise<void>;
}

interface Connection {
  readonly name: string;
  readonly client: Socket;
  readonly server: Socket;
  established: boolean;
  ended: boolean;
  held: Buffer[];
  /** Of the server, since the last flight went there. */
  answered: boolean;
  arrived: Buffer[];
}

/** Between two looks at a process that waits. */
const LOOK_MS = 8;
const ANSWER_MS = 20_000;

export function lockstepNetwork(): LockstepNetwork {
  const connections = new Set<Connection>();
  const servers: ReturnType<typeof createServer>[] = [];

  const accept = (name: string, client: Socket, port: number): void => {
    const server = connect(port, "127.0.0.1");
    const one: Connection = {
      name,
      client,
      server,
      established: false,
      ended: false,
      held: [],
      answered: true,
      arrived: [],
    };
    connections.add(one);
    client.on("data", (chunk: Buffer) => one.held.push(chunk));
    client.on("end", () => {
      one.ended = true;
    });
    server.on("data", (chunk: Buffer) => {
      one.arrived.push(chunk);
      one.answered = true;
    });
    server.on("close", () => {
      one.answered = true;
      client.end(Buffer.concat(one.arrived.splice(0)));
    });
    client.on("close", () => {
      connections.delete(one);
      server.destroy();
    });
    for (const socket of [client, server]) socket.on("error", () => {});
  };

  /** @returns undefined when nobody has sent anything */
  const step = async (): Promise<string | undefined> => {
    const under: string[] = [];
    const sent: Connection[] = [];
    for (const one of connections) {
      if (one.ended) {
        one.server.end(Buffer.concat(one.held.splice(0)));
        continue;
      }
      if (!one.established) {
        one.established = true;
        under.push(`${one.name}: connect`);
      } else if (one.held.length > 0) {
        one.answered = false;
        const flight = Buffer.concat(one.held.splice(0));
        under.push(`${one.name}: ${flight[0] === 0x16 && flight[5] === 1 ? "hello" : "data"}`);
        one.server.write(flight);
        sent.push(one);
      }
    }
    const endMs = Date.now() + ANSWER_MS;
    while (sent.some(({ answered }) => !answered) && Date.now() < endMs) await sleep(1);
    // The rest of an answer; should it come later still, nobody has sent anything for it, and no trip is counted.
    if (sent.length > 0) await sleep(10);
    return under.length === 0 ? undefined : under.sort().join(", ");
  };

  const deliver = (): void => {
    for (const { client, arrived, answered } of connections)
      if (answered && arrived.length > 0) client.write(Buffer.concat(arrived.splice(0)));
  };

  return {
    async front(name, port) {
      const server = createServer({ allowHalfOpen: true }, (client) => accept(name, client, port()));
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return (server.address() as AddressInfo).port;
    },
    async trips(start) {
      let pid: number | undefined;
      let done = false;
      const run = start((child) => {
        pid = child.pid;
      }).finally(() => {
        done = true;
      });
      const trips: string[] = [];
      while (!done) {
        await untilWaiting(pid, () => done);
        const under = await step();
        if (under !== undefined) trips.push(under);
        deliver();
      }
      return { result: await run, trips };
    },
    async close() {
      for (const { client } of connections) client.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

/** Until a process and its children have not run between two looks. */
async function untilWaiting(pid: number | undefined, isOver: () => boolean): Promise<void> {
  let before = "";
  for (;;) {
    await sleep(LOOK_MS);
    const now = pid === undefined ? "" : ranSoFar(pid);
    if (isOver() || pid === undefined || (now !== "" && now === before)) return;
    before = now;
  }
}

/** Empty while one of them runs or wants to. */
function ranSoFar(pid: number): string {
  const parts: string[] = [];
  const look = (id: number): boolean => {
    try {
      for (const task of readdirSync(`/proc/${id}/task`)) {
        const state = /\) (\w)/.exec(readFileSync(`/proc/${id}/task/${task}/stat`, "utf8"))?.[1];
        if (state === "R" || state === "D") return false;
        parts.push(`${task} ${readFileSync(`/proc/${id}/task/${task}/schedstat`, "utf8")}`);
        const children = readFileSync(`/proc/${id}/task/${task}/children`, "utf8").split(" ").filter(Boolean);
        if (!children.every((child) => look(Number(child)))) return false;
      }
      return true;
    } catch {
      // It ended meanwhile.
      return false;
    }
  };
  return look(pid) ? parts.join("") : "";
}
