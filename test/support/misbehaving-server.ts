/**
 * A server that does nothing right, for whatever stands in the place of an IdP, of STS or of a proxy: faults by path or standing, and
 * a count of who came. Without a fault it answers 404. `tcp` takes connections and never speaks, so that not even TLS starts.
 */
import { createServer } from "node:net";
import { createFaultPlan, type Fault, type FaultPlan, playFault } from "./faults.ts";
import { type ListeningServer, listen, listenOn, type ServerTls } from "./listening-server.ts";

/** What came in. */
export interface Hit {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A running misbehaving server; faults are keyed by path (without the query), or `"*"`. */
export interface MisbehavingServer extends ListeningServer {
  readonly faults: FaultPlan;
  readonly hits: readonly Hit[];
  count(path?: string): number;
}

/** Starts one; `standing` is a fault for every path, `paths` are faults by path. */
export async function startMisbehavingServer(
  options: { standing?: Fault; paths?: Readonly<Record<string, Fault>>; tls?: ServerTls } = {},
): Promise<MisbehavingServer> {
  const faults = createFaultPlan();
  const hits: Hit[] = [];
  if (options.standing !== undefined) faults.always("*", options.standing);
  for (const [path, fault] of Object.entries(options.paths ?? {})) faults.always(path, fault);
  const server = await listen(async (req, res) => {
    const path = (req.url ?? "/").replace(/\?.*$/, "");
    hits.push({ method: req.method ?? "", path, headers: req.headers });
    req.resume();
    const fault = faults.take(path);
    const outcome = fault === undefined ? "continue" : await playFault(fault, res);
    if (outcome === "continue") res.writeHead(404).end();
  }, options.tls);
  return { ...server, faults, hits, count: (path) => countHits(hits, path) };
}

/** A port that accepts and stays silent (`"hang"`), or accepts and resets (`"reset"`). */
export async function startSilentPort(behaviour: "hang" | "reset" = "hang"): Promise<ListeningServer> {
  const server = createServer((socket) => {
    if (behaviour === "reset") socket.resetAndDestroy();
    else socket.resume();
  });
  return listenOn(server, "tcp");
}

/** A loopback port at which nobody listens: it was free a moment ago. */
export async function closedPort(): Promise<number> {
  const server = await startSilentPort();
  await server.close();
  return server.port;
}

function countHits(hits: readonly Hit[], path?: string): number {
  return path === undefined ? hits.length : hits.filter((hit) => hit.path === path).length;
}
