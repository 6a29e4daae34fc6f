import { printable } from "../core/printable.ts";
import { SettingError, type SettingsSpec } from "../core/settings.ts";
import type { TomlTable } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { checkSettings } from "./check-settings.ts";
import type { FileTable } from "./files.ts";
import { type Problem, problemError } from "./problem.ts";
import { didYouMean } from "./suggest.ts";

/** What the check needs to know of an identity source; src/identity's sources have this shape. */
export interface CheckedSource<Settings> {
  readonly kind: string;
  readonly settings: SettingsSpec;
  parse(table: TomlTable): Settings;
}

/**
 * The source that an identity table names, with its settings judged.
 * @throws CONFIG_INVALID with file:line:column for the first thing wrong
 */
export async function checkedIdentity<Source extends CheckedSource<unknown>>(
  { identityTable, profile }: { identityTable: FileTable; profile: { identity: { name: string } } },
  sources: readonly Source[],
  host: Pick<Host, "files" | "system">,
): Promise<{ source: Source; settings: ReturnType<Source["parse"]> }> {
  const judged = judgeIdentity(profile.identity.name, identityTable, sources, host.system.platform);
  if ("problems" in judged) throw await problemError(judged.problems[0] ?? { path: [], message: "unusable" }, host);
  return judged;
}

/** Every problem of one identity table, or its source and settings. */
export function judgeIdentity<Source extends CheckedSource<unknown>>(
  name: string,
  { file, table }: FileTable,
  sources: readonly Source[],
  platform: NodeJS.Platform,
): { source: Source; settings: ReturnType<Source["parse"]> } | { problems: readonly Problem[] } {
  const path = ["identity", name];
  const { type, ...settings } = table;
  const source = sources.find(({ kind }) => kind === type);
  if (source === undefined) {
    const kinds = sources.map(({ kind }) => kind);
    // A table has no text of its own, not even "[object Object]".
    const said = typeof type === "string" ? type : undefined;
    const message =
      type === undefined
        ? `[identity.${printable(name, 60)}] has no type`
        : said === undefined
          ? "type must be a string"
          : `type "${printable(said, 60)}" is not a way to prove identity`;
    return { problems: [{ file, path: [...path, "type"], message, hint: didYouMean(said ?? "", kinds) }] };
  }
  const problems = checkSettings(settings, source.settings, { file, path }, platform);
  if (problems.length > 0) return { problems };
  try {
    return { source, settings: source.parse(settings) as ReturnType<Source["parse"]> };
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    return { problems: [{ file, path: [...path, error.key], message: error.message, hint: error.hint }] };
  }
}
