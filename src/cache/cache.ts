import { Secret } from "../core/secret.ts";
import type { Host } from "../host/host.ts";
import { type Codec, decodeEntry, type Entry, encodeEntry } from "./entry.ts";
import { type Freshness, freshness } from "./freshness.ts";
import { STORES } from "./stores/registry.ts";
import type { Store, StoreKind } from "./stores/store.ts";

/** The stores a profile uses, in order. */
export interface Cache<T> {
  /** False for the store "none": there is nothing to wait for or to share. */
  readonly keeps: boolean;
  /** The first fresh entry, else the one that lasts longest, with its verdict. */
  read(): Promise<Found<T> | undefined>;
  /** Into the first store that takes it. @returns what went wrong, one line, when none or only a weaker one did */
  write(entry: Entry<T>): Promise<string | undefined>;
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
  return {
    keeps: opened.length > 0,
    async read() {
      let best: Found<T> | undefined;
      const whose = owner?.();
      for (const [{ name }, store] of opened) {
        const read = await store.read(key);
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
      for (const [{ name }, store] of opened) {
        const written = await store.write(key, text);
        if (written.ok) {
          host.log.debug("cache", `${name}: entry written`);
          return undefined;
        }
        host.log.debug("cache", `${name}: not written: ${written.problem.detail}`);
        const hint = written.problem.hint === undefined ? "" : ` (${written.problem.hint})`;
        problems.push(`${name}: ${written.problem.detail}${hint}`);
      }
      return problems.length === 0 ? undefined : problems.join("; ");
    },
  };
}
