import type { Profile } from "../core/types.ts";
import type { EmitContext } from "../emit/format.ts";

/** A region that nobody stated is ours for the STS call, not the user's for everything else. */
export function emitContext({ name, sts }: Profile): EmitContext {
  return sts.regionStated ? { profile: name, region: sts.region } : { profile: name };
}
