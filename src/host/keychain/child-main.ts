import { streams } from "../streams.ts";
import { runKeychainChild } from "./keytar-child.ts";

/** Longer than any parent waits. */
const LIFETIME_MS = 7_000;

/** The child process: it lives for one request and is killed when it takes too long, by itself where the parent was ended before. */
export async function keychainChildMain(): Promise<number> {
  // process.exit would wait for the native call that hangs.
  setTimeout(() => process.kill(process.pid, "SIGKILL"), LIFETIME_MS).unref();
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  await runKeychainChild(
    async () => Buffer.concat(chunks).toString("utf8"),
    (text) => streams.writeOut(text),
  );
  return 0;
}
