import { spawn } from "node:child_process";
import { scrubbedEnvironment } from "../environment.ts";
import type { KeychainProblem, KeychainResult } from "../host.ts";

/**
 * keytar in a process of its own. A native call that waits for a keyring, or for a person at its prompt, cannot be abandoned
 * inside this process, and exiting would wait for it; a child can be killed. Values travel on pipes, never in argv.
 */

type Request =
  | { readonly do: "get"; readonly service: string; readonly account: string }
  | { readonly do: "delete"; readonly service: string; readonly account: string }
  | { readonly do: "check" }
  | { readonly do: "set"; readonly service: string; readonly account: string; readonly value: string };
type Answer = { readonly value?: string | boolean | null } | { readonly problem: KeychainProblem };

interface Keytar {
  getPassword(service: string, account: string): Promise<string | null>;
  setPassword(service: string, account: string, value: string): Promise<void>;
  deletePassword(service: string, account: string): Promise<boolean>;
}

/** The child's whole life: one request on stdin, one answer on stdout. */
export async function runKeychainChild(
  stdin: () => Promise<string>,
  answerWith: (text: string) => void,
): Promise<void> {
  const request = JSON.parse(await stdin()) as Request;
  answerWith(JSON.stringify(await serve(request)));
}

async function serve(request: Request): Promise<Answer> {
  let keytar: Keytar;
  try {
    const loaded = (await import("keytar")) as unknown as Keytar & { default?: Keytar };
    keytar = loaded.default ?? loaded;
  } catch (error) {
    const missing =
      (error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND" ||
      (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
    const [detail, hint] = missing
      ? ["the optional package keytar is not installed", "npm install -g sts-broker --include=optional"]
      : [
          "keytar cannot be loaded (it needs libsecret-1.so.0)",
          "apt-get install libsecret-1-0, or dnf install libsecret",
        ];
    return { problem: { reason: "addon-missing", detail, hint } };
  }
  // That it could be loaded is the answer.
  if (request.do === "check") return {};
  try {
    const { service, account } = request;
    if (request.do === "set") {
      await keytar.setPassword(service, account, request.value);
      return {};
    }
    if (request.do === "delete") return { value: await keytar.deletePassword(service, account) };
    return { value: await keytar.getPassword(service, account) };
  } catch {
    // The text comes from the keyring and is not needed: what matters is that the next store is used.
    return { problem: { reason: "failed", detail: "the keychain refused the operation" } };
  }
}

export function askKeychainChild(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  request: Request,
  timeoutMs: number,
): Promise<KeychainResult<string | boolean | null | undefined>> {
  const [program = "", ...rest] = command;
  return new Promise((resolve) => {
    const child = spawn(program, rest, {
      env: scrubbedEnvironment(env),
      stdio: ["pipe", "pipe", "ignore"],
      windowsHide: true,
    });
    const failed = (problem: KeychainProblem): void => {
      clearTimeout(timer);
      resolve({ ok: false, problem });
    };
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      child.stdout.destroy();
      failed({ reason: "not-answering", detail: "the keychain does not answer" });
    }, timeoutMs);
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    child.stdin.on("error", () => {});
    child.once("error", () => failed({ reason: "failed", detail: "the keychain helper cannot be started" }));
    child.once("close", () => {
      clearTimeout(timer);
      try {
        const answer = JSON.parse(text) as Answer;
        resolve("problem" in answer ? { ok: false, problem: answer.problem } : { ok: true, value: answer.value });
      } catch {
        failed({ reason: "failed", detail: "the keychain helper ended without an answer" });
      }
    });
    child.stdin.end(JSON.stringify(request));
  });
}
