import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { KerberosFailure } from "../../core/kerberos-failure.ts";
import { ANSWER_MARK, type Answer, type Request } from "./wire.ts";

/** As an HTTP exchange has; libkrb5 alone would give one silent KDC 27 s. */
const DEFAULT_TIMEOUT_MS = 15_000;

type Question = Request extends infer One ? (One extends Request ? Omit<One, "id"> : never) : never;

export interface KerberosChild {
  /** True once it is gone; another one has to be started then. */
  readonly ended: boolean;
  /** @throws KerberosFailure no-answer at the deadline, when the child is killed; unknown when it died */
  ask(question: Question, options: { readonly signal?: AbortSignal | undefined }): Promise<Answer>;
}

/** The parent's side. An idle child does not keep us running, and ends when we do, however we end. */
export function startKerberosChild(
  command: readonly string[],
  env: Record<string, string>,
  showStderr: boolean,
): KerberosChild {
  const [program = "", ...rest] = command;
  const child = spawn(program, rest, {
    env,
    stdio: ["pipe", "pipe", showStderr ? "inherit" : "ignore"],
    windowsHide: true,
  });
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  let ended = false;
  let lastId = 0;

  const end = (error: Error): void => {
    ended = true;
    // One that could not be started has no pid, and would be kill(0): our whole process group.
    if (child.pid !== undefined) child.kill("SIGKILL");
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const died = (): void => end(new KerberosFailure("unknown", "the Kerberos helper ended unexpectedly"));
  child.once("error", () => end(new KerberosFailure("unknown", "the Kerberos helper cannot be started")));
  child.once("close", died);
  child.stdin.on("error", () => {});
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (!line.startsWith(ANSWER_MARK)) return;
    const answer = JSON.parse(line.slice(ANSWER_MARK.length)) as Answer;
    waiting.get(answer.id)?.resolve(answer);
    waiting.delete(answer.id);
  });
  child.unref();
  for (const pipe of [child.stdin, child.stdout]) (pipe as unknown as Socket).unref?.();

  return {
    get ended() {
      return ended;
    },
    ask(question, { signal }) {
      return new Promise<Answer>((resolve, reject) => {
        if (ended) return reject(new KerberosFailure("unknown", "the Kerberos helper has ended"));
        lastId += 1;
        const id = lastId;
        // A call that hangs cannot be called off: the process that made it is ended.
        const giveUp = (): void => end(new KerberosFailure("no-answer", "no answer in time"));
        const timer = setTimeout(giveUp, DEFAULT_TIMEOUT_MS);
        const settled = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", giveUp);
        };
        waiting.set(id, {
          resolve: (answer) => {
            settled();
            resolve(answer);
          },
          reject: (error) => {
            settled();
            reject(error);
          },
        });
        if (signal?.aborted) return giveUp();
        signal?.addEventListener("abort", giveUp);
        child.stdin.write(`${JSON.stringify({ ...question, id })}\n`);
      });
    },
  };
}
