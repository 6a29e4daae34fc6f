import type { Locks } from "../../../src/host/host.ts";
import { errno } from "./files.ts";

/** The kernel's table of locks, by path; several fake hosts share it. */
export class FakeLocks {
  readonly #holders = new Map<string, number>();
  /** Set: no lock can be had at all, with this errno. */
  unavailable: string | undefined;
  /** What the host says of how locks are made. */
  kind = "fake lock";

  as(pid: number): Locks {
    return {
      kind: () => this.kind,
      tryAcquire: async (path) => {
        if (this.unavailable !== undefined) throw errno(this.unavailable, path);
        if (this.#holders.has(path)) return undefined;
        this.#holders.set(path, pid);
        return { release: () => void (this.#holders.get(path) === pid && this.#holders.delete(path)) };
      },
    };
  }

  get held(): readonly string[] {
    return [...this.#holders.keys()];
  }

  /** What the kernel does when a process ends. */
  releaseAll(pid: number): void {
    for (const [path, holder] of this.#holders) if (holder === pid) this.#holders.delete(path);
  }
}
