// A network of its own for one run of the program: a pair of interfaces to this machine, its own hosts, resolv.conf and firewall,
// and with that every fault that a network can have. Servers of the test listen on 127.0.0.1 and are let in by a relay each.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type RunOptions, type RunResult, runProgram } from "../../support/program.ts";
import { needed } from "./requirements.ts";

/** For {@link describeSystem}. */
export const NAMESPACE_PROGRAMS = ["root", "ip", "nft"] as const;

/** An address that nobody has, and from which no ICMP comes back either. */
const NOBODY_THERE = "198.19.255.53";

export interface NetworkNamespace {
  /** This machine as the namespace sees it. */
  readonly outside: string;
  /** Lets the namespace reach a port of 127.0.0.1 under the same number of `outside`. */
  relay(port: number): Promise<void>;
  /** Ends of relayed connections that are open now. */
  openSockets(): number;
  /** Lines of /etc/hosts; default none but localhost. */
  hosts(names: Readonly<Record<string, string | readonly string[]>>): void;
  /** The name server, default one that never answers. */
  nameserver(address: string): void;
  /** Replaces the faults: rules of nft for what comes in and what goes out, in this order. */
  faults(rules: { readonly in?: readonly string[]; readonly out?: readonly string[] }): void;
  /** `ip` with these arguments, inside. */
  ip(...args: readonly string[]): void;
  addIpv6(address: string): void;
  /** Pids of what runs inside. */
  processes(): number[];
  run(argv: readonly string[], env: Readonly<Record<string, string>>, options?: RunOptions): Promise<RunResult>;
  close(): Promise<void>;
}

const PREFIX = "stsb";
const NETNS_CONFIGURATION = "/etc/netns";
const open = new Set<string>();
let counter = 0;

function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // It is gone already.
  }
}

function command(program: string, args: readonly string[], input?: string): string {
  return execFileSync(needed(program), args, { encoding: "utf8", input: input ?? "", stdio: ["pipe", "pipe", "pipe"] });
}

/** With the namespace go its interfaces, their peers, and its firewall. */
function removeNamespace(name: string): void {
  quietly(() => command("ip", ["netns", "del", name]));
  quietly(() => command("ip", ["link", "del", `${name}h`]));
  rmSync(`${NETNS_CONFIGURATION}/${name}`, { recursive: true, force: true });
  open.delete(name);
}

process.once("exit", () => {
  for (const name of open) removeNamespace(name);
});

/** Whatever a test process that was killed has left behind. */
function removeAbandoned(): void {
  const left = existsSync(NETNS_CONFIGURATION) ? readdirSync(NETNS_CONFIGURATION) : [];
  for (const name of left) {
    const pid = new RegExp(`^${PREFIX}(\\d+)x`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeNamespace(name);
  }
}

/** Takes about 50 ms. */
export async function openNetworkNamespace(): Promise<NetworkNamespace> {
  removeAbandoned();
  // At most 14 characters with the letter behind it, as an interface may have.
  const name = `${PREFIX}${process.pid}x${++counter}`;
  // Networks of four addresses within 198.18.0.0/16, which is for tests of networks; a process may open 16 at a time.
  const network = ((process.pid % 1024) * 16 + (counter % 16)) * 4;
  const address = (host: number): string => `198.18.${network >> 8}.${(network & 255) + host}`;
  const outside = address(1);
  open.add(name);
  const servers = new Set<Server>();
  const sockets = new Set<Socket>();
  const configuration = `${NETNS_CONFIGURATION}/${name}`;
  const namespace: NetworkNamespace = {
    outside,
    relay: async (port) => {
      const server = createServer((near) => {
        const far = connect(port, "127.0.0.1");
        for (const [from, to] of [
          [near, far],
          [far, near],
        ] as const) {
          sockets.add(from);
          from.setNoDelay(true);
          from.pipe(to);
          from.on("error", () => to.destroy());
          from.once("close", () => {
            sockets.delete(from);
            to.destroy();
          });
        }
      });
      servers.add(server);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(port, outside, resolve);
      });
      if ((server.address() as AddressInfo).port !== port) throw new Error("the relay has another port");
    },
    openSockets: () => sockets.size,
    hosts: (names) => {
      const lines = Object.entries(names).flatMap(([host, at]) => [at].flat().map((one) => `${one} ${host}\n`));
      writeFileSync(`${configuration}/hosts`, `127.0.0.1 localhost\n${lines.join("")}`);
    },
    nameserver: (at) => writeFileSync(`${configuration}/resolv.conf`, `nameserver ${at}\n`),
    faults: (rules) => {
      const chain = (hook: "in" | "out"): string =>
        `chain ${hook} { type filter hook ${hook}put priority 0; ${(rules[hook] ?? []).map((rule) => `${rule};`).join(" ")} }`;
      const table = `table inet faults {}\ndelete table inet faults\ntable inet faults {\n${chain("in")}\n${chain("out")}\n}\n`;
      command("ip", ["netns", "exec", name, needed("nft"), "-f", "-"], table);
    },
    ip: (...args) => void command("ip", ["-n", name, ...args]),
    addIpv6: (at) => namespace.ip("-6", "addr", "add", at, "dev", `${name}n`, "nodad"),
    processes: () => command("ip", ["netns", "pids", name]).split("\n").filter(Boolean).map(Number),
    run: (argv, env, options) => runProgram([needed("ip"), "netns", "exec", name, ...argv], env, options),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all([...servers].map((server) => new Promise((resolve) => server.close(resolve))));
      removeNamespace(name);
    },
  };
  try {
    mkdirSync(configuration, { recursive: true });
    namespace.hosts({});
    namespace.nameserver(NOBODY_THERE);
    writeFileSync(`${configuration}/nsswitch.conf`, "hosts: files dns\n");
    command("ip", ["netns", "add", name]);
    command("ip", ["link", "add", `${name}h`, "type", "veth", "peer", "name", `${name}n`, "netns", name]);
    command("ip", ["addr", "add", `${outside}/30`, "dev", `${name}h`]);
    command("ip", ["link", "set", `${name}h`, "up"]);
    namespace.ip("addr", "add", `${address(2)}/30`, "dev", `${name}n`);
    namespace.ip("link", "set", `${name}n`, "up");
    namespace.ip("link", "set", "lo", "up");
    // Nobody routes behind it: what goes to other addresses is lost without a word.
    namespace.ip("route", "add", "default", "via", outside);
    return namespace;
  } catch (error) {
    removeNamespace(name);
    throw error;
  }
}
