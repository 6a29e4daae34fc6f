import type { Keyring, KeyringProblem, KeyringResult } from "../../../src/host/host.ts";

/** The kernel's keyring of one user, in memory. */
export class FakeKeyring implements Keyring {
  state: "ready" | KeyringProblem["reason"] = "ready";
  /** A used-up quota refuses new keys and gives those there are. */
  writeState: "ready" | KeyringProblem["reason"] | undefined;
  readonly keys = new Map<string, Uint8Array>();
  /** How often it was asked: the addon is loaded for the first question. */
  asked = 0;
  /** Called before a key is added: a place for another process to come in between. */
  beforeAdd: (() => void) | undefined;

  async get(description: string): Promise<KeyringResult<Uint8Array | undefined>> {
    this.asked += 1;
    return problemOf(this.state) ?? { ok: true, value: this.keys.get(description) };
  }

  async add(description: string, key: Uint8Array): Promise<KeyringResult<Uint8Array>> {
    this.asked += 1;
    const problem = problemOf(this.writeState ?? this.state);
    if (problem !== undefined) return problem;
    this.beforeAdd?.();
    const there = this.keys.get(description) ?? key;
    this.keys.set(description, there);
    return { ok: true, value: there };
  }

  /** What a reboot leaves of it. */
  reboot(): void {
    this.keys.clear();
  }
}

function problemOf(state: FakeKeyring["state"]): { ok: false; problem: KeyringProblem } | undefined {
  return state === "ready"
    ? undefined
    : { ok: false, problem: { reason: state, detail: `the kernel keyring is ${state}` } };
}
