import { existsSync } from "node:fs";
import { Secret } from "../../core/secret.ts";
import type { KeychainProblem, KeychainResult } from "../host.ts";
import { type Bus, DBusError, DBusUnreachable, openBus, sessionBusPath } from "./dbus.ts";
import { Writer } from "./dbus-wire.ts";

/**
 * The reading half of the Secret Service, straight over the session bus. Before libsecret may be called at all somebody has to
 * find out, with a deadline and without a prompt, whether it would answer; having asked that, the item itself is two messages away,
 * 10 ms sooner than by loading libsecret.
 *
 * @see Secret Service API 0.2, https://specifications.freedesktop.org/secret-service/
 */

const NAME = "org.freedesktop.secrets";
const SERVICE = { destination: NAME, path: "/org/freedesktop/secrets", iface: "org.freedesktop.Secret.Service" };

const absent = (detail: string): KeychainProblem => ({ reason: "absent", detail });

function problemOf(error: unknown): KeychainProblem {
  if (error instanceof DBusError) {
    if (/ServiceUnknown|NameHasNoOwner/.test(error.errorName)) return absent("no keyring runs in this session");
    if (/IsLocked/.test(error.errorName)) return { reason: "locked", detail: "the keyring is locked" };
    return { reason: "failed", detail: `the keyring answered ${error.errorName}` };
  }
  if (error instanceof DBusUnreachable && error.late)
    return { reason: "not-answering", detail: "the keyring does not answer" };
  return absent(unusable((error as Error).message));
}

function unusable(why: string): string {
  return `the session bus cannot be used (${why})`;
}

type Env = Readonly<Record<string, string | undefined>>;

async function onBus<T>(
  env: Env,
  uid: number,
  timeoutMs: number,
  work: (bus: Bus) => Promise<KeychainResult<T>>,
): Promise<KeychainResult<T>> {
  const path = sessionBusPath(env);
  if (path === undefined)
    return { ok: false, problem: absent("no D-Bus session (DBUS_SESSION_BUS_ADDRESS is not set)") };
  // A server has the directory and no bus in it; to find that out by connecting would cost 5 ms of every call.
  if (path.startsWith("/") && !existsSync(path)) return { ok: false, problem: absent(unusable("ENOENT")) };
  // Loaded here, since most machines without a person have no bus to connect to.
  const net = process.getBuiltinModule("node:net");
  const bus = openBus((onread) => net.connect({ path, onread }), uid, timeoutMs);
  try {
    return await work(bus);
  } catch (error) {
    return { ok: false, problem: problemOf(error) };
  } finally {
    bus.close();
  }
}

/** The secret stored under the attributes that keytar writes, or undefined. A locked item is a problem, not a miss. */
export function readSecret(
  env: Env,
  uid: number,
  attributes: { service: string; account: string },
  timeoutMs: number,
): Promise<KeychainResult<Secret | undefined>> {
  return onBus(env, uid, timeoutMs, async (bus) => {
    const [session, found] = await Promise.all([
      bus.call({
        ...SERVICE,
        member: "OpenSession",
        signature: "sv",
        body: new Writer().string("plain").signature("s").string(""),
      }),
      bus.call({ ...SERVICE, member: "SearchItems", signature: "a{ss}", body: new Writer().stringMap(attributes) }),
    ]);
    session.align(1).signature();
    session.string();
    const sessionPath = session.string();
    const [unlocked] = found.strings();
    if (unlocked === undefined) {
      if (found.strings().length === 0) return { ok: true, value: undefined };
      return { ok: false, problem: { reason: "locked", detail: "the keyring is locked" } };
    }
    const answer = await bus.call({
      destination: NAME,
      path: unlocked,
      iface: "org.freedesktop.Secret.Item",
      member: "GetSecret",
      signature: "o",
      body: new Writer().string(sessionPath),
    });
    // (oayays): session, parameters, value, content type
    answer.align(8).string();
    answer.bytes();
    return { ok: true, value: new Secret(Buffer.from(answer.bytes()).toString("utf8")) };
  });
}

/** Whether writing would work now without asking a person: a keyring runs, has a default collection, and that is unlocked. */
export function checkWritable(env: Env, uid: number, timeoutMs: number): Promise<KeychainResult<void>> {
  return onBus(env, uid, timeoutMs, async (bus) => {
    const alias = await bus.call({
      ...SERVICE,
      member: "ReadAlias",
      signature: "s",
      body: new Writer().string("default"),
    });
    const collection = alias.string();
    if (collection === "/") return { ok: false, problem: absent("the keyring has no default collection") };
    const locked = await bus.call({
      destination: NAME,
      path: collection,
      iface: "org.freedesktop.DBus.Properties",
      member: "Get",
      signature: "ss",
      body: new Writer().string("org.freedesktop.Secret.Collection").string("Locked"),
    });
    if (locked.signature() === "b" && locked.uint32() === 0) return { ok: true, value: undefined };
    return { ok: false, problem: { reason: "locked", detail: "the keyring is locked" } };
  });
}
