import { openCache } from "../cache/cache.ts";
import { credentialsCodec } from "../cache/entry.ts";
import { credentialsKey } from "../cache/key.ts";
import type { Profile } from "../core/types.ts";
import type { Host } from "../host/host.ts";

/** Keeps a profile's credentials under what it has become as well: naming the role that they are of must not cost another login. */
export async function adoptCredentials(host: Host, from: Profile, to: Profile): Promise<void> {
  const found = await openCache(host, from.store, credentialsKey(from, host), credentialsCodec).read();
  if (found === undefined) return;
  await openCache(host, to.store, credentialsKey(to, host), credentialsCodec).write(found.entry);
}
