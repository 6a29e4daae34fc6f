// Answers that are made to hurt: bombs, floods, two lengths, addresses that no issuer has. Each ends in one line, in bounded memory and
// time.

import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, test } from "vitest";
import { type ListeningServer, listenOn } from "../support/listening-server.ts";
import { makeSandbox, type RunResult } from "../support/program.ts";
import { failureOf } from "./failing.ts";

const SECRET = "canary-of-the-client-secret-0123456789";
/** A cold start takes 90 to 130 MiB. */
const MAX_MIB = 300;

interface Outcome extends RunResult {
  /** The most memory it had, as far as looking 50 times a second shows. */
  readonly peakMib: number;
}

async function run(issuer: string): Promise<Outcome> {
  const sandbox = makeSandbox();
  let peakMib = 0;
  let timer: NodeJS.Timeout | undefined;
  try {
    sandbox.configure(`[identity.corp]
type = "oidc-client-credentials"
issuer = "${issuer}"
client_id = "batch"
client_secret = { file = "${sandbox.file("secret", SECRET)}" }

[profile.billing]
identity = "corp"
role_arn = "arn:aws:iam::123456789012:role/billing"
region = "eu-west-1"
store = "file"
`);
    const result = await sandbox.run(["credential-process"], {
      onStart: ({ pid }) => {
        timer = setInterval(() => {
          peakMib = Math.max(peakMib, peakOf(pid));
        }, 20);
      },
    });
    return { ...result, peakMib };
  } finally {
    clearInterval(timer);
    sandbox.remove();
  }
}

function peakOf(pid: number | undefined): number {
  try {
    const kib = /^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kib ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Raw bytes, since no HTTP server would send them. */
function rawServer(speak: (socket: Socket) => void): Promise<ListeningServer> {
  return listenOn(
    createServer((socket) => socket.once("data", () => speak(socket))),
    "http",
  );
}

/** The same text again and again, as fast as it is read, or at a pace. */
function flood(socket: Socket, text: string, everyMs?: number): void {
  if (everyMs !== undefined) {
    const timer = setInterval(() => socket.write(text), everyMs);
    socket.once("close", () => clearInterval(timer));
    return;
  }
  const block = text.repeat(Math.ceil(64_000 / text.length));
  const pour = (): void => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on("drain", pour);
  pour();
}

const OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const BOMB = gzipSync(Buffer.alloc(256 * 1024 * 1024));

const CASES: Readonly<Record<string, { speak: (socket: Socket) => void; says: RegExp }>> = {
  "sends headers without end": {
    speak: (socket) => {
      socket.write(OK);
      flood(socket, "X-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    },
    says: /^127\.0\.0\.1:\d+ answered with more than 16 KiB of headers$/,
  },
  "sends a header line without end": {
    speak: (socket) => {
      socket.write(`${OK}X-Padding: `);
      flood(socket, "a");
    },
    says: /^127\.0\.0\.1:\d+ answered with more than 16 KiB of headers$/,
  },
  "sends a header a second": {
    speak: (socket) => {
      socket.write(OK);
      flood(socket, "X-Padding: a\r\n", 1000);
    },
    says: /^127\.0\.0\.1:\d+ did not answer completely within 15 s$/,
  },
  "sends chunks without end": {
    speak: (socket) => {
      socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`);
      flood(socket, "8\r\n        \r\n");
    },
    says: /^127\.0\.0\.1:\d+ answered with more than 1048576 bytes$/,
  },
  "sends a small chunk a second": {
    speak: (socket) => {
      socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`);
      flood(socket, "1\r\n \r\n", 1000);
    },
    says: /^127\.0\.0\.1:\d+ did not answer completely within 15 s$/,
  },
  "says 100 Continue for ever": {
    speak: (socket) => flood(socket, "HTTP/1.1 100 Continue\r\n\r\n", 100),
    says: /^127\.0\.0\.1:\d+ did not answer completely within 15 s$/,
  },
  "sends a gzip bomb that nobody asked for": {
    speak: (socket) => {
      socket.write(`${OK}Content-Encoding: gzip\r\nContent-Length: ${BOMB.length}\r\n\r\n`);
      socket.end(BOMB);
    },
    says: /^http:\/\/127\.0\.0\.1:\d+ answered with something that is not OAuth/,
  },
  "gives two lengths": {
    speak: (socket) => socket.end(`${OK}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}`),
    says: /^127\.0\.0\.1:\d+ does not speak HTTP \(HPE_UNEXPECTED_CONTENT_LENGTH\)$/,
  },
  "gives a length and chunks": {
    speak: (socket) => socket.end(`${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`),
    says: /^127\.0\.0\.1:\d+ does not speak HTTP \(HPE_\w+\)$/,
  },
  "announces more than it sends": {
    speak: (socket) => socket.end(`${OK}Content-Length: 4000\r\n\r\n{`),
    says: /^127\.0\.0\.1:\d+ closed the connection before it answered$/,
  },
};

describe.concurrent("an identity provider that answers to hurt", () => {
  for (const [name, { speak, says }] of Object.entries(CASES)) {
    test(`${name}: one line, in bounded memory and time`, { timeout: 60_000 }, async ({ expect }) => {
      const server = await rawServer(speak);
      try {
        const result = await run(server.url);
        expect(failureOf(result, 5).line).toMatch(says);
        expect(result.stderr).not.toContain(SECRET);
        expect(result.peakMib).toBeGreaterThan(0);
        expect(result.peakMib).toBeLessThan(MAX_MIB);
        expect(result.tookMs).toBeLessThan(46_000);
      } finally {
        await server.close();
      }
    });
  }

  test("sends a second answer ahead of its question: it is not taken for the next one's", async ({ expect }) => {
    let questions = 0;
    const server = await rawServer((socket) => {
      questions += 1;
      if (questions > 1) return socket.destroy();
      const { port } = socket.address() as { port: number };
      const issuer = `http://127.0.0.1:${port}`;
      const discovery = JSON.stringify({ issuer, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks` });
      const token = '{"access_token":"smuggled","token_type":"Bearer"}';
      const answer = (body: string): string => `${OK}Content-Length: ${body.length}\r\n\r\n${body}`;
      socket.write(answer(discovery) + answer(token));
    });
    try {
      const result = await run(server.url);
      expect(result.stderr).not.toContain("smuggled");
      expect(failureOf(result, 5).line).toMatch(/^127\.0\.0\.1:\d+ closed the connection before it answered$/);
      expect(questions).toBe(2);
    } finally {
      await server.close();
    }
  });

  for (const issuer of [
    "https://169.254.169.254/realm",
    "https://[fd00:ec2::254]/realm",
    "https://[::ffff:169.254.169.254]/realm",
    "https://[fe80::1]/realm",
  ]) {
    test(`is said to live at ${issuer}: refused by name`, async ({ expect }) => {
      const { line } = failureOf(await run(issuer), 2);
      expect(line).toMatch(/link-local or metadata address/);
    });
  }
});
