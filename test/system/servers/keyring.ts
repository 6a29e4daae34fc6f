// A Secret Service as on a desktop, without one: a private D-Bus session bus, gnome-keyring-daemon, and a home of its own.
// The bus knows no service files, so it can start nothing by itself: no prompter, no second keyring.

import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import {
  type CommandResult,
  runCommand,
  runOrThrow,
  type ServerProcess,
  startProcess,
  temporaryFolder,
  until,
  waitForSocket,
} from "./process.ts";
import { needed } from "./requirements.ts";

/** For {@link describeSystem}. */
export const KEYRING_PROGRAMS = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool"] as const;

/**
 * `unlocked`: the login keyring exists and is open, as after a desktop login. `never-unlocked`: the service answers but has no
 * login keyring, as after a login by key over ssh. `absent`: a bus on which nobody owns org.freedesktop.secrets.
 */
export type KeyringState = "unlocked" | "never-unlocked" | "absent";

export interface StoredSecret {
  readonly label: string;
  /** Missing while the collection is locked. */
  readonly secret?: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface Keyring {
  /** For a process that shall use this keyring; nothing else of a session is needed. */
  readonly env: {
    readonly DBUS_SESSION_BUS_ADDRESS: string;
    readonly HOME: string;
    readonly XDG_RUNTIME_DIR: string;
  };
  /** Whether the login collection is locked. @throws when there is none. */
  isLocked(): Promise<boolean>;
  lock(): Promise<void>;
  unlock(): Promise<void>;
  /** Stops the daemon from answering, without ending it: calls to it then hang. */
  freeze(): void;
  thaw(): void;
  /** What secret-tool finds, in every collection. */
  search(attributes: Readonly<Record<string, string>>): Promise<StoredSecret[]>;
  /** Stores an item in the default collection as another application would. */
  store(label: string, attributes: Readonly<Record<string, string>>, secret: string): Promise<void>;
  /** Processes connected to the bus, the bus and the asking client not counted: 1 is the keyring alone. */
  clientCount(): Promise<number>;
  logTail(): string;
  stop(): Promise<void>;
}

const PASSWORD = "password of the login keyring";
const SERVICE = "org.freedesktop.secrets";
const LOGIN_COLLECTION = "/org/freedesktop/secrets/collection/login";

/** Takes about 0.1 s. */
export async function startKeyring(state: KeyringState = "unlocked"): Promise<Keyring> {
  const folder = temporaryFolder("keyring");
  const processes: ServerProcess[] = [];
  const stop = async () => {
    for (const server of processes.splice(0).reverse()) await server.stop();
    folder.remove();
  };
  try {
    const session = makeSession(folder.path);
    const bus = await startProcess({
      name: "dbus-daemon",
      command: needed("dbus-daemon"),
      args: ["--nofork", "--nopidfile", "--nosyslog", `--config-file=${session.busConfiguration}`],
      env: session.env,
      logFile: join(folder.path, "dbus-daemon.log"),
    });
    processes.push(bus);
    await waitForSocket(session.busSocket, { process: bus, deadlineMs: 10_000 });

    let daemon: ServerProcess | undefined;
    if (state !== "absent") {
      daemon = await startProcess({
        name: "gnome-keyring-daemon",
        command: needed("gnome-keyring-daemon"),
        args: ["--foreground", "--components=secrets", ...(state === "unlocked" ? ["--unlock"] : [])],
        env: session.env,
        logFile: join(folder.path, "gnome-keyring-daemon.log"),
        ...(state === "unlocked" ? { input: PASSWORD } : {}),
      });
      processes.push(daemon);
      await waitForService(session, daemon, state);
    }
    return keyringOf(session, bus, daemon, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Session {
  readonly env: Keyring["env"] & { readonly XDG_DATA_HOME: string; readonly LC_ALL: string };
  readonly busSocket: string;
  readonly busConfiguration: string;
  /** A method call with the answer as dbus-send prints it. */
  call(destination: string, path: string, method: string, ...args: string[]): Promise<CommandResult>;
}

function makeSession(folder: string): Session {
  const home = join(folder, "home");
  const runtime = join(folder, "run");
  for (const path of [home, runtime]) mkdirSync(path, { mode: 0o700 });
  const busSocket = join(runtime, "bus");
  const busConfiguration = join(folder, "bus.conf");
  writeFileSync(
    busConfiguration,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${busSocket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`,
  );
  const env = {
    DBUS_SESSION_BUS_ADDRESS: `unix:path=${busSocket}`,
    HOME: home,
    XDG_RUNTIME_DIR: runtime,
    XDG_DATA_HOME: join(home, ".local", "share"),
    LC_ALL: "C.UTF-8",
  };
  return {
    env,
    busSocket,
    busConfiguration,
    call: (destination, path, method, ...args) =>
      runCommand(
        needed("dbus-send"),
        ["--session", "--print-reply=literal", "--reply-timeout=5000", `--dest=${destination}`, path, method, ...args],
        { env },
      ),
  };
}

function waitForService(session: Session, daemon: ServerProcess, state: KeyringState): Promise<void> {
  const answers = async () => {
    const owner = await session.call(
      "org.freedesktop.DBus",
      "/",
      "org.freedesktop.DBus.NameHasOwner",
      `string:${SERVICE}`,
    );
    if (!owner.stdout.includes("true")) return false;
    return state !== "unlocked" || (await lockedProperty(session)) === false;
  };
  return until(`${SERVICE} on the bus`, answers, { process: daemon, deadlineMs: 10_000 });
}

/** undefined: there is no login collection. */
async function lockedProperty(session: Session): Promise<boolean | undefined> {
  const answer = await session.call(
    SERVICE,
    LOGIN_COLLECTION,
    "org.freedesktop.DBus.Properties.Get",
    "string:org.freedesktop.Secret.Collection",
    "string:Locked",
  );
  const value = /boolean (true|false)/.exec(answer.stdout)?.[1];
  return value === undefined ? undefined : value === "true";
}

function keyringOf(
  session: Session,
  bus: ServerProcess,
  daemon: ServerProcess | undefined,
  stop: () => Promise<void>,
): Keyring {
  const { env } = session;
  const running = () => {
    if (daemon === undefined) throw new Error("this bus has no keyring");
    return daemon;
  };
  const isLocked = async () => {
    const locked = await lockedProperty(session);
    if (locked === undefined) throw new Error("there is no login collection");
    return locked;
  };
  const words = (attributes: Readonly<Record<string, string>>) => Object.entries(attributes).flat();
  return {
    env: {
      DBUS_SESSION_BUS_ADDRESS: env.DBUS_SESSION_BUS_ADDRESS,
      HOME: env.HOME,
      XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR,
    },
    isLocked,
    async lock() {
      const method = "org.freedesktop.Secret.Service.Lock";
      const path = "/org/freedesktop/secrets";
      await session.call(SERVICE, path, method, `array:objpath:${LOGIN_COLLECTION}`);
      await until("the login keyring locked", isLocked, { process: running(), deadlineMs: 5_000 });
    },
    async unlock() {
      await unlockThroughControlSocket(join(env.XDG_RUNTIME_DIR, "keyring", "control"), PASSWORD);
      await until("the login keyring unlocked", async () => !(await isLocked()), {
        process: running(),
        deadlineMs: 5_000,
      });
    },
    freeze: () => running().signal("SIGSTOP"),
    thaw: () => running().signal("SIGCONT"),
    async search(attributes) {
      // secret-tool writes an item's attributes to stderr and the rest to stdout: only in one unbuffered stream do they meet.
      const script = 'exec stdbuf -oL "$@" 2>&1';
      const args = ["-c", script, "sh", needed("secret-tool"), "search", "--all", ...words(attributes)];
      return parseSearch((await runCommand("/bin/sh", args, { env })).stdout);
    },
    async store(label, attributes, secret) {
      await runOrThrow(needed("secret-tool"), ["store", `--label=${label}`, ...words(attributes)], {
        env,
        input: secret,
      });
    },
    async clientCount() {
      const answer = await session.call("org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames");
      const unique = new Set(answer.stdout.match(/:\d+\.\d+/g));
      return unique.size - 1;
    },
    logTail: () => `${bus.logTail()}${daemon?.logTail() ?? ""}`,
    stop,
  };
}

function parseSearch(output: string): StoredSecret[] {
  // An item starts with its path in brackets; a secret may have several lines, and ends where `created` starts.
  const [beginning = "", ...items] = output.split(/^\[\/.*\]\n/m);
  const complaint = /^secret-tool: .*/m.exec(beginning)?.[0];
  // With items there, it complains of those that are locked.
  if (items.length === 0 && complaint !== undefined) throw new Error(complaint);
  return items.map((item) => {
    const secret = /^secret = ([\s\S]*?)\ncreated = /m.exec(item)?.[1];
    const attributes = [...item.matchAll(/^attribute\.(\S+) = (.*)$/gm)].map(([, name, value]) => [name, value]);
    return {
      label: /^label = (.*)$/m.exec(item)?.[1] ?? "",
      ...(secret === undefined ? {} : { secret }),
      attributes: Object.fromEntries(attributes) as Record<string, string>,
    };
  });
}

/**
 * What the PAM module does at login: a NUL byte for the peer's credentials, then length, operation (1: unlock) and the password
 * with its length; the answer is a length and a result (0: done). Over D-Bus an unlock would need somebody to answer a prompt.
 */
function unlockThroughControlSocket(path: string, password: string): Promise<void> {
  const text = Buffer.from(password);
  const message = Buffer.alloc(1 + 12 + text.length);
  message.writeUInt32BE(12 + text.length, 1);
  message.writeUInt32BE(1, 5);
  message.writeUInt32BE(text.length, 9);
  text.copy(message, 13);
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    let answer = Buffer.alloc(0);
    socket.once("connect", () => socket.write(message));
    socket.on("data", (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 8) return;
      socket.destroy();
      const result = answer.readUInt32BE(4);
      if (result === 0) resolve();
      else reject(new Error(`gnome-keyring-daemon refused to unlock: result ${result}`));
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("gnome-keyring-daemon closed its control socket")));
    socket.setTimeout(5_000, () => socket.destroy(new Error("gnome-keyring-daemon did not answer")));
  });
}
