import { Secret } from "../../../src/core/secret.ts";
import type { Clock, Keychain, KeychainProblem, KeychainResult } from "../../../src/host/host.ts";

/** "hanging" answers only at the real keychain's own deadline, as its contract says. */
export type KeychainState = "ready" | "absent" | "locked" | "not-answering" | "addon-missing" | "failed" | "hanging";

/** An OS keychain in memory. */
export class FakeKeychain implements Keychain {
  state: KeychainState = "ready";
  /** Reading may work where writing does not. */
  writeState: KeychainState | undefined;
  readonly items = new Map<string, string>();
  /** Bytes an item may hold, as Windows Credential Manager has it. */
  maxBytes = Number.POSITIVE_INFINITY;
  /** Called before every write with its account; a thrown error is a crash at that very moment. */
  beforeSet: ((account: string) => void) | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async get(service: string, account: string): Promise<KeychainResult<Secret | undefined>> {
    const problem = await this.#problem(this.state, 1_000);
    if (problem !== undefined) return { ok: false, problem };
    const text = this.items.get(`${service}/${account}`);
    return { ok: true, value: text === undefined ? undefined : new Secret(text) };
  }

  async set(service: string, account: string, value: Secret): Promise<KeychainResult<void>> {
    const problem = await this.#problem(this.writeState ?? this.state, 5_000);
    if (problem !== undefined) return { ok: false, problem };
    if (Buffer.byteLength(value.reveal()) > this.maxBytes)
      return { ok: false, problem: { reason: "failed", detail: "the keychain refused the operation" } };
    this.beforeSet?.(account);
    this.items.set(`${service}/${account}`, value.reveal());
    return { ok: true, value: undefined };
  }

  async delete(service: string, account: string): Promise<KeychainResult<boolean>> {
    const problem = await this.#problem(this.writeState ?? this.state, 5_000);
    if (problem !== undefined) return { ok: false, problem };
    return { ok: true, value: this.items.delete(`${service}/${account}`) };
  }

  async check(): Promise<KeychainResult<void>> {
    const problem = await this.#problem(this.writeState ?? this.state, 1_000);
    return problem === undefined ? { ok: true, value: undefined } : { ok: false, problem };
  }

  async #problem(state: KeychainState, deadlineMs: number): Promise<KeychainProblem | undefined> {
    if (state === "ready") return undefined;
    if (state !== "hanging") return { reason: state, detail: `the keychain is ${state}` };
    await this.#clock.sleep(deadlineMs);
    return { reason: "not-answering", detail: "the keychain does not answer" };
  }
}
