import { streams } from "../streams.ts";
import { runKeychainChild } from "./keytar-child.ts";

/** The child process: it lives for one request and is killed when it takes too long. */
export async function keychainChildMain(): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  await runKeychainChild(
    async () => Buffer.concat(chunks).toString("utf8"),
    (text) => streams.writeOut(text),
  );
  return 0;
}
