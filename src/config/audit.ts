import type { SettingsSpec } from "../core/settings.ts";
import type { Host } from "../host/host.ts";
import { checkSettings } from "./check-settings.ts";
import type { Configuration, FileTable } from "./files.ts";
import { type Problem, problemError } from "./problem.ts";
import { strayProblem, TABLES } from "./stray.ts";
import { nearest } from "./suggest.ts";

/** Keys of `[audit]`. */
export const AUDIT_SETTINGS = {
  file: { type: "path", summary: "append each record to this file, as one line; it is created with mode 0600" },
  syslog: {
    type: "boolean",
    summary: "send each record to syslog, facility authpriv, tag sts-broker",
    defaultText: "false",
  },
  journald: { type: "boolean", summary: "send each record to the systemd journal", defaultText: "false" },
  required: {
    type: "boolean",
    summary: "hand out no new credentials whose record cannot be written",
    defaultText: "false, a warning",
  },
} as const satisfies SettingsSpec;

/** Where records go. */
export type AuditPlace = { readonly required: boolean } & (
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "syslog" | "journald" }
);

type System = Pick<Host["system"], "platform" | "homeDir">;
type Found = Pick<Configuration, "audits" | "unknown">;

/**
 * Every place that any file names; one that is named twice is written once, and required if either says so.
 * @throws CONFIG_INVALID with file:line:column for the first thing wrong: a mistyped [audit] must not mean "no records"
 */
export async function checkedAudit(
  { audits, unknown }: Found,
  host: { readonly system: System; readonly files: Host["files"] },
): Promise<readonly AuditPlace[]> {
  const places = new Map<string, AuditPlace>();
  const stray = unknown.find(({ path }) => path.length === 1 && nearest(path[0] ?? "", TABLES) === "audit");
  if (stray !== undefined) {
    throw await problemError(strayProblem(stray), host);
  }
  for (const found of audits) {
    const judged = judgeAudit(found, host.system);
    if ("problems" in judged) throw await problemError(judged.problems[0] ?? { path: [], message: "unusable" }, host);
    for (const place of judged.places) {
      const key = place.kind === "file" ? place.path : place.kind;
      places.set(key, { ...place, required: place.required || places.get(key)?.required === true });
    }
  }
  return [...places.values()];
}

/** Every problem of one [audit], or the places it names. */
export function judgeAudit(
  { file, table }: FileTable,
  { platform, homeDir }: System,
): { places: readonly AuditPlace[] } | { problems: readonly Problem[] } {
  const at = (key: string | undefined, message: string, hint?: string) => ({
    problems: [{ file, path: key === undefined ? ["audit"] : ["audit", key], message, hint }],
  });
  const problems = checkSettings(table, AUDIT_SETTINGS, { file, path: ["audit"] }, platform);
  if (problems.length > 0) return { problems };

  const required = table.required === true;
  const places: AuditPlace[] = [];
  if (typeof table.file === "string") {
    const home = homeDir();
    const isBelowHome = table.file.startsWith("~/");
    if (isBelowHome && home === undefined) return at("file", "file: this user has no home directory");
    places.push({ kind: "file", path: isBelowHome ? `${home}/${table.file.slice(2)}` : table.file, required });
  }
  if (table.syslog === true) {
    if (platform === "win32") return at("syslog", "syslog: there is none on Windows", 'use file = "C:\\\\…"');
    places.push({ kind: "syslog", required });
  }
  if (table.journald === true) {
    if (platform !== "linux") return at("journald", "journald: there is none on this system", "use file");
    const why = "the journal takes what is sent to syslog, and would have each record twice";
    if (table.syslog === true) return at("journald", `journald beside syslog: ${why}`, "leave one of them out");
    places.push({ kind: "journald", required });
  }
  if (places.length === 0) {
    return at(
      undefined,
      "[audit] names no place",
      'file = "/var/log/sts-broker/audit.log", syslog = true or journald = true',
    );
  }
  return { places };
}
