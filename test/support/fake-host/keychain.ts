import { Secret } from "../../../src/core/secret.ts";
import type { Clock, Keychain, KeychainProblem, KeychainResult, Patience } from "../../../src/host/host.ts";

/** "hanging" answers only at the real keychain's own deadline, as its contract says; "slow" is well, on a busy machine. */
export type KeychainState =
  | "ready"
  | "absent"
  | "locked"
  | "not-answering"
  | "addon-missing"
  | "failed"
  | "hanging"
  | "slow";

/** An OS keychain in memory. */
export class FakeKeychain implements Keychain {
  state: KeychainState = "ready";
  /** Reading may work where writing does not. */
  writeState: KeychainState | undefined;
  /** With "slow": until it answers. */
  slowMs = 2_500;
  /** How often it was asked for an item. */
  reads = 0;
  readonly items = new Map<string, string>();
  /** Bytes an item may hold, as Windows Credential Manager has it. */
  maxBytes = Number.POSITIVE_INFINITY;
  /** Called before every write with its account; a thrown error is a crash at that very moment. */
  beforeSet: ((account: string) => void) | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async get(
    service: string,
    account: string,
    patience: Patience = "hurried",
  ): Promise<KeychainResult<Secret | undefined>> {
    const problem = await this.#problem(this.state, patience);
    this.reads += 1;
    if (problem !== undefined) return { ok: false, problem };
    const text = this.items.get(`${service}/${account}`);
    return { ok: true, value: text === undefined ? undefined : new Secret(text) };
  }

  async set(
    service: string,
    account: string,
    value: Secret,
    patience: Patience = "hurried",
  ): Promise<KeychainResult<void>> {
    const problem = await this.#writeProblem(patience);
    if (problem !== undefined) return { ok: false, problem };
    if (Buffer.byteLength(value.reveal()) > this.maxBytes)
      return { ok: false, problem: { reason: "failed", detail: "the keychain refused the operation" } };
    this.beforeSet?.(account);
    this.items.set(`${service}/${account}`, value.reveal());
    return { ok: true, value: undefined };
  }

  async delete(service: string, account: string): Promise<KeychainResult<boolean>> {
    const problem = await this.#writeProblem("hurried");
    if (problem !== undefined) return { ok: false, problem };
    return { ok: true, value: this.items.delete(`${service}/${account}`) };
  }

  async check(): Promise<KeychainResult<void>> {
    const problem = await this.#problem(this.writeState ?? this.state, "hurried");
    return problem === undefined ? { ok: true, value: undefined } : { ok: false, problem };
  }

  /** Whether it answers is asked before it is written to, which has its own deadline. */
  async #writeProblem(patience: Patience): Promise<KeychainProblem | undefined> {
    const problem = await this.#problem(this.state, patience);
    if (problem !== undefined || this.writeState === undefined) return problem;
    return this.#problem(this.writeState, "patient", 5_000);
  }

  async #problem(
    state: KeychainState,
    patience: Patience,
    deadlineMs = patience === "patient" ? 4_000 : 1_000,
  ): Promise<KeychainProblem | undefined> {
    if (state === "ready") return undefined;
    const waited = state === "not-answering" || state === "hanging" ? { waited: patience } : {};
    if (state !== "hanging" && state !== "slow")
      return { reason: state, detail: `the keychain is ${state}`, ...waited };
    const answersAfterMs = state === "slow" ? this.slowMs : Number.POSITIVE_INFINITY;
    await this.#clock.sleep(Math.min(answersAfterMs, deadlineMs));
    if (answersAfterMs <= deadlineMs) return undefined;
    return { reason: "not-answering", detail: "the keychain does not answer", waited: patience };
  }
}
