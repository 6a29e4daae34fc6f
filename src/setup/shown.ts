import { createTwoFilesPatch } from "diff";
import { printable } from "../core/printable.ts";
import type { Plan } from "./plan.ts";

/** A key of somebody's in a line that is only there for orientation. */
const SECRET = /^([ +-]\s*[\w.-]*(?:secret|token|password|access_key)[\w.-]*\s*[=:]\s*)(?![\s{]).*$/i;

/** The plan as unified diffs, fit for a terminal; empty where nothing would change. */
export function shownPlan({ changes }: Plan): string {
  return changes
    .map(({ target, before, after, shown }) => {
      const name = printable(target, 1000);
      if (shown === "name") return `new file ${name} (mode 0600)\n`;
      const patch = createTwoFilesPatch(
        before === undefined ? "/dev/null" : name,
        name,
        text(before),
        text(after),
        undefined,
        undefined,
        { context: 3 },
      );
      return patch
        .replace(/^(?:Index: .*\n)?=+\n/, "")
        .split("\n")
        .map(shownLine)
        .join("\n");
    })
    .join("\n");
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes ?? new Uint8Array());
}

/** Indents stay as they are. */
function shownLine(line: string): string {
  const lead = /^[ +-]?[ \t]*/.exec(line)?.[0] ?? "";
  const shown = lead.replaceAll("\t", "    ") + printable(line.slice(lead.length), 2000);
  return shown.replace(SECRET, (_, start: string) => `${start}…`);
}
