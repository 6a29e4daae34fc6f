/**
 * The little of the D-Bus wire format that the Secret Service needs: little-endian marshalling of strings, string maps and byte
 * arrays. The bindings on npm are unmaintained or start a bus by themselves, and 4 ms on every AWS call is too much for the others.
 *
 * @see D-Bus Specification, "Message Protocol" and "Marshaling"
 */

const METHOD_CALL = 1;
export const METHOD_RETURN = 2;
export const ERROR = 3;
const NO_AUTO_START = 0x2;

/** Messages larger than this are not ours; the specification allows 128 MiB. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

export class Writer {
  #bytes: number[] = [];

  align(to: number): this {
    while (this.#bytes.length % to !== 0) this.#bytes.push(0);
    return this;
  }
  byte(value: number): this {
    this.#bytes.push(value & 0xff);
    return this;
  }
  uint32(value: number): this {
    this.align(4);
    for (let shift = 0; shift < 32; shift += 8) this.#bytes.push((value >>> shift) & 0xff);
    return this;
  }
  string(value: string): this {
    const utf8 = Buffer.from(value);
    this.uint32(utf8.length);
    this.#bytes.push(...utf8, 0);
    return this;
  }
  signature(value: string): this {
    this.#bytes.push(value.length, ...Buffer.from(value), 0);
    return this;
  }
  /** a{ss} */
  stringMap(map: Readonly<Record<string, string>>): this {
    const entries = new Writer();
    for (const [name, value] of Object.entries(map)) entries.align(8).string(name).string(value);
    const body = entries.bytes();
    // The length leaves out the padding before the first entry.
    this.uint32(body.length).align(8);
    for (const byte of body) this.#bytes.push(byte);
    return this;
  }
  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

export interface MethodCall {
  readonly destination: string;
  readonly path: string;
  readonly iface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: Writer;
}

/** A method call that never makes the bus start a service. */
export function encodeCall(serial: number, call: MethodCall): Uint8Array {
  const body = call.body?.bytes() ?? new Uint8Array();
  const fields = new Writer();
  const field = (code: number, type: "o" | "s" | "g", value: string): void => {
    fields.align(8).byte(code).signature(type);
    if (type === "g") fields.signature(value);
    else fields.string(value);
  };
  field(1, "o", call.path);
  field(2, "s", call.iface);
  field(3, "s", call.member);
  field(6, "s", call.destination);
  if (call.signature !== undefined) field(8, "g", call.signature);
  const head = new Writer().byte("l".charCodeAt(0)).byte(METHOD_CALL).byte(NO_AUTO_START).byte(1);
  const fieldBytes = fields.bytes();
  head.uint32(body.length).uint32(serial).uint32(fieldBytes.length);
  for (const byte of fieldBytes) head.byte(byte);
  return Buffer.concat([head.align(8).bytes(), body]);
}

/** Reads a message body; every read is bounds-checked by DataView and throws RangeError past the end. */
export class Reader {
  readonly #view: DataView;
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  get at(): number {
    return this.#at;
  }
  align(to: number): this {
    this.#at = Math.ceil(this.#at / to) * to;
    return this;
  }
  byte(): number {
    return this.#view.getUint8(this.#at++);
  }
  uint32(): number {
    this.align(4);
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }
  bytes(): Uint8Array {
    return this.#take(this.uint32());
  }
  string(): string {
    const text = this.#take(this.uint32()).toString("utf8");
    this.#at += 1;
    return text;
  }
  signature(): string {
    const text = this.#take(this.byte()).toString("latin1");
    this.#at += 1;
    return text;
  }
  strings(): string[] {
    const length = this.uint32();
    const end = this.#at + length;
    const all: string[] = [];
    while (this.#at < end) all.push(this.string());
    return all;
  }
  #take(length: number): Buffer {
    if (this.#at + length > this.#buffer.length) throw new RangeError("message too short");
    const part = this.#buffer.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }
}

export interface Message {
  readonly type: number;
  readonly replySerial: number | undefined;
  readonly errorName: string | undefined;
  readonly body: Uint8Array;
  /** Bytes this message took from the stream. */
  readonly size: number;
}

/** The first whole message in `bytes`, or undefined when more is to come. @throws RangeError on what is not D-Bus */
export function decodeMessage(bytes: Buffer): Message | undefined {
  if (bytes.length < 16) return undefined;
  if (bytes[0] !== "l".charCodeAt(0)) throw new RangeError("not a little-endian D-Bus message");
  const bodyLength = bytes.readUInt32LE(4);
  const fieldsLength = bytes.readUInt32LE(12);
  const headLength = Math.ceil((16 + fieldsLength) / 8) * 8;
  const size = headLength + bodyLength;
  if (size > MAX_MESSAGE_BYTES) throw new RangeError("message too large");
  if (bytes.length < size) return undefined;
  const head = new Reader(bytes.subarray(0, headLength));
  for (let skipped = 0; skipped < 16; skipped++) head.byte();
  let replySerial: number | undefined;
  let errorName: string | undefined;
  while (head.at < 16 + fieldsLength) {
    const code = head.align(8).byte();
    const type = head.signature();
    if (type === "u") {
      const value = head.uint32();
      if (code === 5) replySerial = value;
    } else if (type === "g") head.signature();
    else {
      const value = head.string();
      if (code === 4) errorName = value;
    }
  }
  return { type: bytes[1] ?? 0, replySerial, errorName, body: bytes.subarray(headLength, size), size };
}
