import { withSettings } from "../config/insert-settings.ts";
import { userFile } from "../config/paths.ts";
import type { Resolved } from "../config/resolve.ts";
import { printable } from "../core/printable.ts";
import type { Host } from "../host/host.ts";

/** What a person chose among the roles of an assertion. */
export interface ChosenRole {
  readonly role_arn: string;
  /** Only where the role is granted through several providers. */
  readonly principal_arn?: string;
}

/** Why the choice cannot be written into the profile's table, as far as that is seen without writing. */
export function cannotSave(host: Host, { profile, profileTable: { file } }: Resolved): string | undefined {
  if (file !== userFile(host)) return `${printable(file)} is not yours`;
  try {
    if (host.files.stat(file, "as they are")?.isFile !== true) return `${printable(file)} is a symbolic link`;
    return edited(host, file, profile.name, { role_arn: "" }) === undefined
      ? `${printable(file)} has no line [profile.${printable(profile.name, 60)}] to put it under`
      : undefined;
  } catch (error) {
    return `${printable(file)} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`;
  }
}

/**
 * Puts the role below the header of the profile's table, in the user's own file alone; a reader sees the old file or the new one.
 * @returns what to tell: the file, or why not
 */
export async function saveRole(
  host: Host,
  { profile, profileTable: { file } }: Resolved,
  chosen: ChosenRole,
): Promise<{ readonly saved: boolean; readonly said: string }> {
  try {
    // As it is now: a login takes its time.
    const text = edited(host, file, profile.name, { ...chosen });
    if (text === undefined) return { saved: false, said: `nothing: ${printable(file)} has changed meanwhile` };
    await host.files.replace(file, new TextEncoder().encode(text));
    return { saved: true, said: `role_arn in ${printable(file)}` };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    return { saved: false, said: `nothing: ${printable(file)} cannot be written (${code})` };
  }
}

function edited(host: Host, file: string, name: string, settings: Record<string, string>): string | undefined {
  const bytes = host.files.read(file);
  // A byte order mark stays.
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return withSettings(text, ["profile", name], settings);
}
