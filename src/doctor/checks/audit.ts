import { openSink } from "../../audit/sink.ts";
import { onlyLooking } from "../../cache/only-looking.ts";
import { type AuditPlace, checkedAudit } from "../../config/audit.ts";
import type { Host } from "../../host/host.ts";
import type { Check } from "../check.ts";
import { type Finding, failed, ok, skipped, warning } from "../finding.ts";

/** Whether a record could be written now; none is. */
export const audit: Check = {
  id: "audit",
  title: "audit",
  async run({ host, configuration }) {
    if (configuration === undefined) return [skipped("the configuration cannot be read")];
    let places: readonly AuditPlace[];
    try {
      places = await checkedAudit(configuration, host);
    } catch {
      return [skipped("the check of the configuration says what is wrong with [audit]")];
    }
    if (places.length === 0) return [skipped("no [audit] is configured")];
    return places.map((place) => judged(place, host));
  },
};

function judged(place: AuditPlace, host: Host): Finding {
  // A file that is missing is not made for a look at it.
  const isThere = place.kind !== "file" || host.files.stat(place.path) !== undefined;
  const sink = openSink(place, isThere ? host : onlyLooking(host));
  try {
    sink.check();
    return ok(`records can be written to ${sink.name}${place.required ? ", and have to be" : ""}`);
  } catch (error) {
    const line = `no record can be written to ${sink.name}: ${(error as Error).message}`;
    const hint = place.kind === "file" ? `ls -ld ${sink.name}` : "systemctl status systemd-journald";
    return place.required ? failed(`${line}; without it there are no credentials`, hint) : warning(line, hint);
  }
}
