import { need } from "../system/servers/requirements.ts";

/** Why what needs these programs cannot run here; undefined when it can. */
export function missing(programs: readonly string[]): string | undefined {
  const reasons = programs.map(need).flatMap((found) => (found.available ? [] : [found.reason]));
  return reasons.length === 0 ? undefined : reasons.join("; ");
}
