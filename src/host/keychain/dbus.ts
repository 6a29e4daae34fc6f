import type { OnReadOpts, Socket } from "node:net";
import { decodeMessage, ERROR, encodeCall, METHOD_RETURN, type MethodCall, Reader } from "./dbus-wire.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** The session bus a caller was given; a bus is never started (`autolaunch:` and dbus-launch leave daemons behind). */
export function sessionBusPath(env: Env): string | undefined {
  const address = env.DBUS_SESSION_BUS_ADDRESS;
  if (address === undefined || address === "") {
    // Where systemd puts it, even for a caller whose environment lost the variable.
    return env.XDG_RUNTIME_DIR === undefined || env.XDG_RUNTIME_DIR === "" ? undefined : `${env.XDG_RUNTIME_DIR}/bus`;
  }
  for (const alternative of address.split(";")) {
    const [transport, parameters = ""] = alternative.split(":", 2);
    if (transport !== "unix") continue;
    const values = new Map(
      parameters
        .split(",")
        .map((pair) => [pair.slice(0, pair.indexOf("=")), unescaped(pair.slice(pair.indexOf("=") + 1))]),
    );
    const path = values.get("path");
    if (path !== undefined) return path;
    const abstract = values.get("abstract");
    if (abstract !== undefined) return `\0${abstract}`;
    if (values.get("runtime") === "yes" && env.XDG_RUNTIME_DIR !== undefined) return `${env.XDG_RUNTIME_DIR}/bus`;
  }
  return undefined;
}

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** An error reply of the bus or of a service, with its D-Bus error name. */
export class DBusError extends Error {
  readonly errorName: string;
  constructor(errorName: string) {
    super(errorName);
    this.errorName = errorName;
  }
}

/** Nothing came back in time, or the connection failed. */
export class DBusUnreachable extends Error {
  readonly late: boolean;
  constructor(message: string, late: boolean) {
    super(message);
    this.late = late;
  }
}

/** More than an answer has; a longer one comes in pieces. */
const READ_BYTES = 16 * 1024;

export interface Bus {
  /** Sent at once; calls made together travel together. @throws DBusError, DBusUnreachable */
  call(call: MethodCall): Promise<Reader>;
  close(): void;
}

/**
 * Connects and authenticates without waiting for each answer (as sd-bus does), so that a whole look-up costs two round trips.
 * @param connect hands what arrives to `onread`: as a stream it would cost another millisecond
 * @param timeoutMs for everything until close()
 */
export function openBus(connect: (onread: OnReadOpts) => Socket, uid: number, timeoutMs: number): Bus {
  const waiting = new Map<number, { resolve: (body: Reader) => void; reject: (error: Error) => void }>();
  let failure: Error | undefined;
  let serial = 0;
  let received: Buffer = Buffer.alloc(0);
  let authenticated = false;

  const buffer = Buffer.allocUnsafe(READ_BYTES);
  const socket = connect({
    buffer,
    callback(length) {
      received = Buffer.concat([received, buffer.subarray(0, length)]);
      try {
        take();
      } catch (error) {
        fail(new DBusUnreachable((error as Error).message, false));
      }
      return true;
    },
  });
  const fail = (error: Error): void => {
    if (failure !== undefined) return;
    failure = error;
    clearTimeout(timer);
    socket.destroy();
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  // Where this process itself had to wait for a processor the answer may be there: what has come is read before it is called late.
  const timer = setTimeout(() => setImmediate(() => fail(new DBusUnreachable("no answer in time", true))), timeoutMs);

  const take = (): void => {
    if (!authenticated) {
      const end = received.indexOf("\r\n");
      if (end < 0) return;
      if (!received.subarray(0, 3).equals(Buffer.from("OK "))) throw new RangeError("the bus refused authentication");
      received = received.subarray(end + 2);
      authenticated = true;
    }
    for (let message = decodeMessage(received); message !== undefined; message = decodeMessage(received)) {
      received = received.subarray(message.size);
      const caller = message.replySerial === undefined ? undefined : waiting.get(message.replySerial);
      if (caller === undefined) continue;
      waiting.delete(message.replySerial ?? 0);
      if (message.type === METHOD_RETURN) caller.resolve(new Reader(message.body));
      else if (message.type === ERROR) caller.reject(new DBusError(message.errorName ?? "unknown"));
    }
  };

  socket.on("error", (error) =>
    fail(new DBusUnreachable((error as NodeJS.ErrnoException).code ?? error.message, false)),
  );
  socket.on("close", () => fail(new DBusUnreachable("the bus closed the connection", false)));
  // In one write with the calls that follow at once: each one wakes the bus.
  socket.cork();
  queueMicrotask(() => socket.uncork());
  socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(uid)).toString("hex")}\r\nBEGIN\r\n`);

  const bus: Bus = {
    call: (call) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        serial += 1;
        waiting.set(serial, { resolve, reject });
        socket.write(encodeCall(serial, call));
      }),
    close: () => fail(new DBusUnreachable("closed", false)),
  };
  // The bus wants to be greeted first; its answer is not needed.
  bus
    .call({
      destination: "org.freedesktop.DBus",
      path: "/org/freedesktop/DBus",
      iface: "org.freedesktop.DBus",
      member: "Hello",
    })
    .catch(() => {});
  return bus;
}
