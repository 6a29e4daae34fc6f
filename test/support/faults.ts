/**
 * What a server can do wrong, and a plan of when. The identity provider, the simulated STS and the misbehaving server share it, so
 * a fault means the same wherever it is switched on.
 */
import type { ServerResponse } from "node:http";

/** One misbehaviour. The real answer follows after `delay` and `hold` alone. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly body?: string; readonly headers?: Headers }
  /** Takes the request and never answers. */
  | { readonly kind: "hang" }
  /** Sends RST instead of an answer. */
  | { readonly kind: "reset" }
  /** 200 and a web page, as a captive portal or a login gateway does. */
  | { readonly kind: "html"; readonly status?: number }
  /** Starts a 200 answer and sends one byte a second for ever: no idle timeout notices. */
  | { readonly kind: "drip"; readonly everyMs?: number }
  /** A 200 JSON answer without an end, cut after `bytes` (default 64 MiB), without Content-Length. */
  | { readonly kind: "huge"; readonly bytes?: number }
  | { readonly kind: "redirect"; readonly location: string; readonly status?: number }
  /** 200, application/json, and half a document. */
  | { readonly kind: "invalid-json" }
  /** 407, as a proxy that wants credentials. */
  | { readonly kind: "proxy-authentication" }
  | { readonly kind: "delay"; readonly ms: number }
  /** As long as the test wants. */
  | { readonly kind: "hold"; readonly until: Promise<unknown> };

type Headers = Readonly<Record<string, string>>;

/** Which fault comes next for a key (a path or an action). `"*"` stands for every key. */
export interface FaultPlan {
  /** Every request from now on. Replaces an earlier standing fault of the same key. */
  always(key: string, fault: Fault): void;
  /** The next `times` requests (default 1), before any standing fault, in the order in which they were queued. */
  next(key: string, fault: Fault, times?: number): void;
  /** Back to health, for one key or for all. */
  clear(key?: string): void;
  /** Takes what is due; used by servers. */
  take(key: string): Fault | undefined;
}

/** An empty plan. */
export function createFaultPlan(): FaultPlan {
  const queue: { key: string; fault: Fault; left: number }[] = [];
  const standing = new Map<string, Fault>();
  return {
    always: (key, fault) => void standing.set(key, fault),
    next: (key, fault, times = 1) => void queue.push({ key, fault, left: times }),
    clear: (key) => {
      if (key === undefined) standing.clear();
      else standing.delete(key);
      const kept = queue.filter((entry) => key !== undefined && entry.key !== key);
      queue.splice(0, queue.length, ...kept);
    },
    take: (key) => {
      const due = queue.find((entry) => entry.left > 0 && (entry.key === key || entry.key === "*"));
      if (due === undefined) return standing.get(key) ?? standing.get("*");
      due.left -= 1;
      if (due.left === 0) queue.splice(queue.indexOf(due), 1);
      return due.fault;
    },
  };
}

/** Plays a fault on an answer. `"continue"` means that the real answer is still owed. */
export async function playFault(fault: Fault, res: ServerResponse): Promise<"done" | "continue"> {
  switch (fault.kind) {
    case "delay":
      await pause(fault.ms, res);
      return res.destroyed ? "done" : "continue";
    case "hold":
      await fault.until;
      return res.destroyed ? "done" : "continue";
    case "hang":
      return "done";
    case "reset":
      resetSocket(res);
      return "done";
    case "drip":
      drip(res, fault.everyMs ?? 1000);
      return "done";
    case "huge":
      pourOut(res, fault.bytes ?? 64 * 1024 * 1024);
      return "done";
    case "status":
      res.writeHead(fault.status, fault.headers ?? {}).end(fault.body ?? "");
      return "done";
    case "html":
      res.writeHead(fault.status ?? 200, { "content-type": "text/html; charset=utf-8" });
      res.end("<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>");
      return "done";
    case "redirect":
      res.writeHead(fault.status ?? 302, { location: fault.location }).end();
      return "done";
    case "invalid-json":
      res.writeHead(200, { "content-type": "application/json" }).end('{"access_token":"cut-sho');
      return "done";
    case "proxy-authentication":
      res
        .writeHead(407, { "proxy-authenticate": 'Basic realm="proxy.corp.example"' })
        .end("Proxy Authentication Required");
      return "done";
  }
}

function pause(ms: number, res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    res.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function resetSocket(res: ServerResponse): void {
  // A TLS socket has no resetAndDestroy of its own that reaches the wire on Node 20; destroying it ends the connection mid-answer.
  const socket = res.socket;
  if (socket === null) return;
  if ("encrypted" in socket) socket.destroy();
  else socket.resetAndDestroy();
}

function drip(res: ServerResponse, everyMs: number): void {
  res.writeHead(200, { "content-type": "application/json" });
  res.write("{");
  const timer = setInterval(() => res.write(" "), everyMs);
  res.once("close", () => clearInterval(timer));
}

function pourOut(res: ServerResponse, bytes: number): void {
  const chunk = Buffer.alloc(64 * 1024, "a");
  let left = bytes;
  res.writeHead(200, { "content-type": "application/json" });
  res.write('{"padding":"');
  const pour = (): void => {
    while (left > 0 && !res.destroyed) {
      left -= chunk.length;
      if (!res.write(chunk)) {
        res.once("drain", pour);
        return;
      }
    }
    if (!res.destroyed) res.end('"}');
  };
  pour();
}
