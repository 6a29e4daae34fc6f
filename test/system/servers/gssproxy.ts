// A gssproxy of its own, as root, with its configuration, socket and ticket caches in a temporary folder. Its clients find it
// through GSSPROXY_SOCKET; Debian's package registers the interposer that asks it, for whoever sets GSS_USE_PROXY.

import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ServerProcess, startProcess, temporaryFolder, waitForSocket } from "./process.ts";
import { needed } from "./requirements.ts";

/** For {@link describeSystem}. */
export const GSSPROXY_PROGRAMS = ["gssproxy"] as const;

export interface GssproxyOptions {
  /** The only user that may use the keytab. */
  readonly uid: number;
  readonly keytab: string;
  readonly krb5Conf: string;
}

export interface Gssproxy {
  /** What its clients need to find it. */
  readonly env: Readonly<Record<string, string>>;
  /** Tickets that it keeps: names, owners and modes of the files. */
  caches(): { readonly name: string; readonly uid: number; readonly mode: number }[];
  logTail(): string;
  /** Also forgets the tickets that it keeps. */
  stop(): Promise<void>;
}

/** Takes about 50 ms. Needs root. */
export async function startGssproxy({ uid, keytab, krb5Conf }: GssproxyOptions): Promise<Gssproxy> {
  const { path: folder, remove } = temporaryFolder("gssproxy");
  let server: ServerProcess | undefined;
  const stop = async () => {
    await server?.stop();
    remove();
  };
  try {
    const socket = join(folder, "gssproxy.sock");
    const clients = join(folder, "clients");
    const configuration = join(folder, "gssproxy.conf");
    mkdirSync(clients, { mode: 0o700 });
    // As README has it.
    writeFileSync(
      configuration,
      `[gssproxy]
[service/sts-broker]
  mechs = krb5
  cred_store = client_keytab:${keytab}
  cred_store = ccache:FILE:${clients}/krb5cc_%U
  cred_usage = initiate
  euid = ${uid}
`,
      { mode: 0o600 },
    );
    // Others connect to the socket.
    chmodSync(folder, 0o755);
    const started = await startProcess({
      name: "gssproxy",
      command: needed("gssproxy"),
      args: ["-i", "-d", "-c", configuration, "-s", socket],
      env: { KRB5_CONFIG: krb5Conf },
      logFile: join(folder, "gssproxy.log"),
    });
    server = started;
    await waitForSocket(socket, { process: started, deadlineMs: 10_000 });
    return {
      env: { GSSPROXY_SOCKET: socket },
      caches: () =>
        readdirSync(clients).map((name) => {
          const { uid, mode } = statSync(join(clients, name));
          return { name, uid, mode: mode & 0o777 };
        }),
      logTail: () => started.logTail(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
