import type { Host, KeychainProblem, Patience } from "../../host/host.ts";
import { existingCacheDirectory, usableCacheDirectory } from "../directory.ts";

/** Long enough that a burst of calls waits once, short enough that nobody wonders why an unlocked keychain is not used. */
const SILENT_MS = 60_000;

/** A keychain may answer readers while it lets writers hang: then what it holds is still to be had. */
export type KeychainUse = "reading" | "writing";

/** What was waited for in vain; hurried, unless it says otherwise. A write that hangs has been given its time by everybody. */
type Note = KeychainUse | "reading-patiently";

/** What the user's processes tell each other of a keychain that does not answer. */
export interface KeychainSilence {
  /**
   * How patiently it may be asked; undefined: not at all, since one of them waited in vain within the last minute. Who cannot read need
   * not try to write. That somebody in a hurry got no answer keeps nobody from waiting longer: on a busy machine a keychain that is well
   * takes its time, too. What a patient one waited for in vain nobody waits for patiently.
   */
  patienceLeft(use: KeychainUse, patience: Patience): Patience | undefined;
  /** For all of the user's processes; where it cannot be noted, each of them waits for itself. */
  note(use: KeychainUse, problem: KeychainProblem): void;
  /** A patient question was answered: those in a hurry may ask again. */
  end(use: KeychainUse): void;
}

export function keychainSilence(host: Host): KeychainSilence {
  const has = (note: Note): boolean => {
    const directory = existingCacheDirectory(host);
    return directory.ok && isRecent(host, noteFile(directory.path, note));
  };
  return {
    patienceLeft(use, patience) {
      const lostOnWriting = use === "writing" && has("writing");
      if (patience === "patient" && !lostOnWriting && !has("reading-patiently")) return patience;
      return lostOnWriting || has("reading") ? undefined : "hurried";
    },
    note(use, { waited }) {
      const directory = usableCacheDirectory(host);
      const read: readonly Note[] = waited === "patient" ? ["reading", "reading-patiently"] : ["reading"];
      for (const one of waited === "patient" && use === "writing" ? (["writing"] as const) : read) {
        if (!directory.ok || has(one)) continue;
        try {
          host.files.writePrivate(noteFile(directory.path, one), new Uint8Array());
        } catch {
          // As promised.
        }
      }
    },
    end(use) {
      const directory = existingCacheDirectory(host);
      if (!directory.ok) return;
      const read: readonly Note[] = ["reading", "reading-patiently"];
      for (const one of use === "writing" ? [...read, use] : read) {
        try {
          host.files.remove(noteFile(directory.path, one));
        } catch {
          // It goes by itself, within the minute.
        }
      }
    },
  };
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

function noteFile(directory: string, note: Note): string {
  return `${directory}/keychain-silent-${note}`;
}
