import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openBus, sessionBusPath } from "../../src/host/keychain/dbus.ts";
import { decodeMessage, encodeCall, Reader, Writer } from "../../src/host/keychain/dbus-wire.ts";

const text = fc.string({ unit: "binary", maxLength: 40 }).filter((one) => !/\p{Surrogate}|\0/u.test(one));

describe("the D-Bus wire format", () => {
  it("gives back strings, numbers and signatures as they were written, however they are aligned", () => {
    const value = fc.oneof(
      fc.record({ kind: fc.constant("string" as const), value: text }),
      fc.record({ kind: fc.constant("uint32" as const), value: fc.integer({ min: 0, max: 0xffffffff }) }),
      fc.record({ kind: fc.constant("byte" as const), value: fc.integer({ min: 0, max: 255 }) }),
      fc.record({ kind: fc.constant("signature" as const), value: fc.constantFrom("s", "a{ss}", "(oayays)", "") }),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 12 }), (values) => {
        const writer = new Writer();
        for (const { kind, value: one } of values) (writer[kind] as (value: unknown) => Writer).call(writer, one);
        const reader = new Reader(writer.bytes());
        for (const { kind, value: one } of values) expect(reader[kind]()).toBe(one);
      }),
    );
  });

  it("makes calls that decode to what they are", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 0xffffffff }),
        text,
        fc.dictionary(text, text, { maxKeys: 5 }),
        (serial, one, map) => {
          const body = new Writer().string(one).stringMap(map);
          const call = {
            destination: "org.x",
            path: "/org/x",
            iface: "org.x.Y",
            member: "Z",
            signature: "sa{ss}",
            body,
          };
          const encoded = Buffer.from(encodeCall(serial, call));
          const message = decodeMessage(Buffer.concat([encoded, Buffer.from("next")]));
          expect(message).toMatchObject({ type: 1, size: encoded.length, replySerial: undefined });
          expect(new Reader(message?.body ?? new Uint8Array()).string()).toBe(one);
          expect(encoded[2]).toBe(2);
          for (let length = 0; length < encoded.length; length += 7)
            expect(decodeMessage(encoded.subarray(0, length))).toBeUndefined();
        },
      ),
      { numRuns: 60 },
    );
  });

  it("takes garbage for an error or for the beginning of something, and ends", () => {
    const header = fc
      .tuple(fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 120 }))
      .map(([a, b]) => Buffer.from([0x6c, ...a, ...b]));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 120 }).map((one) => Buffer.from(one)),
          header,
        ),
        (bytes) => {
          try {
            const message = decodeMessage(bytes);
            if (message === undefined) return;
            const reader = new Reader(message.body);
            for (const read of ["strings", "signature", "bytes", "string", "uint32", "byte"] as const) reader[read]();
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("refuses a message larger than anybody of ours sends", () => {
    const head = Buffer.alloc(16);
    head[0] = 0x6c;
    head.writeUInt32LE(0xffffffff, 4);
    expect(() => decodeMessage(head)).toThrow("message too large");
  });
});

describe("a bus that talks garbage", () => {
  it("is unreachable within its time, whatever it says, and never a crash", async () => {
    const parts = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(Buffer.from("OK 1234\r\n"), Buffer.from("REJECTED EXTERNAL\r\n"), Buffer.from("\r\n")),
      ),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(parts, async (chunks) => {
        const socket = new PassThrough();
        const bus = openBus(
          ({ buffer, callback }) => {
            socket.on("data", (chunk: Buffer) => callback(chunk.copy(buffer as Uint8Array), buffer as Uint8Array));
            return socket as never;
          },
          0,
          30,
        );
        // What we write comes back as well: a bus that echoes is one more kind of garbage.
        for (const chunk of chunks) if (!socket.destroyed) socket.push(Buffer.from(chunk));
        const call = bus.call({ destination: "a", path: "/", iface: "b", member: "c" });
        await expect(call).rejects.toThrow();
        bus.close();
      }),
      { numRuns: 60 },
    );
  });
});

describe("a process that gets no processor until its time is over", () => {
  it("still takes the answer that has come meanwhile", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sts-broker-bus-"));
    const timeoutMs = 1_000;
    let startedMs = 0;
    const server = createServer((socket) =>
      socket.once("data", () => {
        socket.write(Buffer.concat([Buffer.from("OK 1234\r\n"), emptyReplyTo(2)]));
        // Nothing of this process runs until then.
        while (performance.now() < startedMs + timeoutMs + 50);
      }),
    );
    await new Promise<void>((resolve) => void server.listen(join(folder, "bus"), resolve));
    try {
      startedMs = performance.now();
      const bus = openBus((onread) => connect({ path: join(folder, "bus"), onread }), 0, timeoutMs);
      expect(await bus.call({ destination: "a", path: "/", iface: "b", member: "c" })).toBeInstanceOf(Reader);
      bus.close();
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});

/** A method's return that says nothing. */
function emptyReplyTo(serial: number): Buffer {
  const message = Buffer.from([0x6c, 2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 5, 1, 0x75, 0, 0, 0, 0, 0]);
  message.writeUInt32LE(serial, 20);
  return message;
}

describe("the session bus", () => {
  it.each([
    [{}, undefined],
    [{ XDG_RUNTIME_DIR: "/run/user/1" }, "/run/user/1/bus"],
    [{ XDG_RUNTIME_DIR: "" }, undefined],
    [{ DBUS_SESSION_BUS_ADDRESS: "" }, undefined],
    [{ DBUS_SESSION_BUS_ADDRESS: "autolaunch:" }, undefined],
    [{ DBUS_SESSION_BUS_ADDRESS: "autolaunch:", XDG_RUNTIME_DIR: "/run/user/1" }, undefined],
    [{ DBUS_SESSION_BUS_ADDRESS: "unixexec:path=/bin/sh" }, undefined],
    [{ DBUS_SESSION_BUS_ADDRESS: "tcp:host=evil.example,port=1" }, undefined],
    [{ DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/a,guid=1" }, "/run/a"],
    [{ DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/a%20b" }, "/run/a b"],
    [{ DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/%zz" }, "/run/%zz"],
    [{ DBUS_SESSION_BUS_ADDRESS: "unix:abstract=/tmp/x,guid=1" }, "\0/tmp/x"],
    [{ DBUS_SESSION_BUS_ADDRESS: "autolaunch:;tcp:host=x;unix:path=/run/b" }, "/run/b"],
    [{ DBUS_SESSION_BUS_ADDRESS: "unix:runtime=yes", XDG_RUNTIME_DIR: "/run/user/1" }, "/run/user/1/bus"],
    [{ DBUS_SESSION_BUS_ADDRESS: "unix:runtime=yes" }, undefined],
    [{ DBUS_SESSION_BUS_ADDRESS: "unix:dir=/tmp" }, undefined],
    [{ DBUS_SESSION_BUS_ADDRESS: "nonsense" }, undefined],
  ])("under %j is %j, and is never started", (env, path) => expect(sessionBusPath(env)).toBe(path));
});
