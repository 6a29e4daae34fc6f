import type { KeychainResult, Patience } from "../host.ts";

/**
 * Asks with `patience`. A failure to answer says that the wait was `waited`, by default the same: who is in a hurry to see whether a
 * keychain answers may still give it the time to write.
 */
type Ask = <T>(
  patience: Patience,
  work: () => Promise<KeychainResult<T>>,
  waited?: Patience,
) => Promise<KeychainResult<T>>;

/**
 * A keychain that was silent is not waited for again in this run, since a cold start asks it three times; unless somebody has more
 * patience than those who waited. Any answer ends its silence.
 */
export function rememberingSilence(): Ask {
  let silence: (KeychainResult<never> & { readonly ok: false }) | undefined;
  return async (patience, work, waited = patience) => {
    if (silence !== undefined && (patience === "hurried" || silence.problem.waited === "patient")) return silence;
    const result = await work();
    if (result.ok || result.problem.reason !== "not-answering") {
      silence = undefined;
      return result;
    }
    silence = { ok: false, problem: { ...result.problem, waited } };
    return silence;
  };
}
