import { Secret } from "../core/secret.ts";
import type { Host, Patience } from "../host/host.ts";
import { type Codec, decodeEntry, type Entry, encodeEntry } from "./entry.ts";
import { type Freshness, freshness } from "./freshness.ts";
import { STORES } from "./stores/registry.ts";
import type { Store, StoreKind, StoreProblem } from "./stores/store.ts";

/** The stores a profile uses, in order. */
export interface Cache<T> {
  /** False for the store "none": there is nothing to wait for or to share. */
  readonly keeps: boolean;
  /**
   * The first fresh entry, else the one that lasts longest, with its verdict.
   *
   * @param patience "patient": to miss an entry would cost an exchange. Only where there is but one store: else the others may have it
   */
  read(patience?: Patience): Promise<Found<T> | undefined>;
  /** Into the first store that takes it. What was read before from a stronger one goes then: while it is fresh it would be served. */
  write(entry: Entry<T>): Promise<Written>;
  /** Whether a store would take an entry now, found out without writing one. @returns why none would, one line */
  check(): Promise<string | undefined>;
}

export interface Written {
  /** Name of the store that took it. */
  readonly store: string | undefined;
  /** Why none did, one line; undefined also where nothing is to be kept. */
  readonly problem: string | undefined;
}

export interface Found<T> {
  readonly entry: Entry<T>;
  readonly verdict: Freshness;
  /** Name of the store that had it. */
  readonly store: string;
}

/** Names that `store` may have. */
export const STORE_NAMES: readonly string[] = ["auto", ...STORES.map(({ name }) => name), "none"];

/** @param owner whose entries are served, asked at each read; undefined: everybody's, since the key says who it is */
export function openCache<T>(
  host: Host,
  setting: string,
  key: string,
  codec: Codec<T>,
  owner?: () => Pick<Entry<T>, "issuer" | "subject"> | undefined,
): Cache<T> {
  const kinds = STORES.filter(({ name, auto }) => (setting === "auto" ? auto : setting === name));
  const opened: (readonly [StoreKind, Store])[] = kinds.map((kind) => [kind, kind.open(host)]);
  const patient: Patience = opened.length === 1 ? "patient" : "hurried";
  /** Stores that had an entry we could open. */
  const held = new Set<Store>();
  return {
    keeps: opened.length > 0,
    async read(patience = "hurried") {
      let best: Found<T> | undefined;
      const whose = owner?.();
      for (const [{ name }, store] of opened) {
        const read = await store.read(key, patience === "patient" ? patient : "hurried");
        if (!read.ok || read.value === undefined) {
          host.log.debug("cache", `${name}: ${read.ok ? "no entry" : read.problem.detail}`);
          continue;
        }
        const entry = decodeEntry(read.value.reveal(), codec);
        if (entry === undefined) {
          host.log.debug("cache", `${name}: entry cannot be read, treated as a miss`);
          continue;
        }
        if (whose !== undefined && (entry.issuer !== whose.issuer || entry.subject !== whose.subject)) {
          host.log.debug("cache", `${name}: entry is of somebody who logged in before, treated as a miss`);
          continue;
        }
        held.add(store);
        const verdict = freshness(entry, host.clock.nowMs());
        host.log.debug("cache", `${name}: entry is ${verdict}`);
        if (verdict === "fresh") return { entry, verdict, store: name };
        if (best === undefined || entry.expiresAtMs > best.entry.expiresAtMs) best = { entry, verdict, store: name };
      }
      return best;
    },
    async write(entry) {
      const text = new Secret(encodeEntry(entry, codec));
      const problems: string[] = [];
      const stronger: (readonly [string, Store])[] = [];
      for (const [{ name }, store] of opened) {
        const written = await store.write(key, text, patient);
        if (written.ok) {
          host.log.debug("cache", `${name}: entry written`);
          for (const [which, one] of stronger) if (held.has(one)) await unshadow(which, one);
          return { store: name, problem: undefined };
        }
        host.log.debug("cache", `${name}: not written: ${written.problem.detail}`);
        problems.push(problemLine(name, written.problem));
        stronger.push([name, store]);
      }
      return { store: undefined, problem: problems.length === 0 ? undefined : problems.join("; ") };
    },
    async check() {
      const { onlyLooking } = await import("./only-looking.ts");
      const looking = onlyLooking(host);
      const problems: string[] = [];
      // The weaker ones answer without asking anybody.
      for (const { name, open } of [...kinds].reverse()) {
        const checked = await open(looking).check();
        if (checked.ok) return undefined;
        problems.unshift(problemLine(name, checked.problem));
      }
      return problems.length === 0 ? undefined : problems.join("; ");
    },
  };

  async function unshadow(name: string, store: Store): Promise<void> {
    const removed = await store.remove(key);
    host.log.debug(
      "cache",
      `${name}: older entry ${removed.ok ? "removed" : `not removed: ${removed.problem.detail}`}`,
    );
  }
}

function problemLine(store: string, { detail, hint }: StoreProblem): string {
  return `${store}: ${detail}${hint === undefined ? "" : ` (${hint})`}`;
}
