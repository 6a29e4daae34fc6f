import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Host } from "../host/host.ts";
import type { FileChange, Plan } from "./plan.ts";

/**
 * Makes the changes of a plan, each file in one step: whoever reads meanwhile has the old one or the new one.
 *
 * @returns a line for each
 * @throws BrokerError CONFIG_INVALID for a file that has changed since it was looked at, or cannot be written; says what was written before
 */
export async function writePlan(host: Pick<Host, "files">, { changes }: Plan): Promise<string[]> {
  const done: string[] = [];
  for (const change of changes) {
    try {
      await writeOne(host, change);
    } catch (cause) {
      const already = done.length === 0 ? "nothing was written" : `written before: ${done.join(", ")}`;
      if (cause instanceof BrokerError)
        throw new BrokerError(cause.code, `${cause.message}; ${already}`, { hint: cause.hint });
      const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
      throw new BrokerError("CONFIG_INVALID", `${printable(change.target)} cannot be written (${code}); ${already}`, {
        cause,
      });
    }
    done.push(printable(change.target));
  }
  return done;
}

async function writeOne({ files }: Pick<Host, "files">, { target, before, after }: FileChange): Promise<void> {
  const directory = target.slice(0, target.lastIndexOf("/")) || "/";
  if (files.stat(directory) === undefined) files.makePrivateDirectory(directory);
  const now = files.read(target);
  if ((now === undefined) !== (before === undefined) || (now !== undefined && Buffer.compare(now, before ?? now) !== 0))
    throw new BrokerError("CONFIG_INVALID", `${printable(target)} has changed in the meantime`, {
      hint: "run it again: it looks anew",
    });
  await files.replace(target, after);
}
