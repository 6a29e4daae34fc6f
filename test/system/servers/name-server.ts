// A DNS server on port 53 of one address, with one answer to everything.

import { createSocket } from "node:dgram";

export interface NameServer {
  /** Questions so far. */
  count(): number;
  close(): Promise<void>;
}

const RCODES = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

export async function startNameServer(address: string, answer: keyof typeof RCODES): Promise<NameServer> {
  const socket = createSocket("udp4");
  let questions = 0;
  socket.on("message", (query, { port, address: asker }) => {
    questions += 1;
    const reply = Buffer.from(query);
    // RFC 1035 §4.1.1: QR is set; RA and the code fill the fourth byte.
    reply[2] = (reply[2] ?? 0) | 0x80;
    reply[3] = 0x80 | RCODES[answer];
    socket.send(reply, port, asker);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject).bind(53, address, resolve);
  });
  return { count: () => questions, close: () => new Promise((resolve) => socket.close(() => resolve())) };
}
