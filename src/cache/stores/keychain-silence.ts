import type { Host } from "../../host/host.ts";
import { existingCacheDirectory, usableCacheDirectory } from "../directory.ts";

/** Long enough that a burst of calls waits once, short enough that nobody wonders why an unlocked keychain is not used. */
const SILENT_MS = 60_000;

/** A keychain may answer readers while it lets writers hang: then what it holds is still to be had. */
export type KeychainUse = "reading" | "writing";

/** Whether one of the user's processes waited for the keychain in vain within the last minute. Who cannot read need not try to write. */
export function keychainIsSilent(host: Host, use: KeychainUse): boolean {
  const directory = existingCacheDirectory(host);
  if (!directory.ok) return false;
  const uses: readonly KeychainUse[] = use === "reading" ? ["reading"] : ["reading", "writing"];
  return uses.some((one) => isRecent(host, noteFile(directory.path, one)));
}

function isRecent(host: Host, note: string): boolean {
  try {
    const noted = host.files.stat(note);
    const ageMs = host.clock.nowMs() - (noted?.modifiedAtMs ?? Number.NEGATIVE_INFINITY);
    // A note from the future tells of a clock that was set back, and of nothing else.
    return ageMs >= 0 && ageMs < SILENT_MS;
  } catch {
    return false;
  }
}

/** For all of the user's processes; where it cannot be noted, each of them waits for itself. */
export function noteKeychainSilence(host: Host, use: KeychainUse): void {
  const directory = usableCacheDirectory(host);
  if (!directory.ok || keychainIsSilent(host, use)) return;
  try {
    host.files.writePrivate(noteFile(directory.path, use), new Uint8Array());
  } catch {
    // As promised.
  }
}

function noteFile(directory: string, use: KeychainUse): string {
  return `${directory}/keychain-silent-${use}`;
}
