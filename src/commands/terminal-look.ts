import type { Host, TerminalSession } from "../host/host.ts";
import type { Look } from "../ui/look.ts";

type Where = Pick<Host, "env" | "system">;

/** Where nothing can be redrawn, or nobody would see it: a dumb terminal, a CI job. */
export function isPlain({ env, system }: Where): boolean {
  const term = env.TERM ?? "";
  const isDumb = term === "dumb" || (term === "" && system.platform !== "win32");
  return isDumb || isSet(env.CI) || isSet(env.CONTINUOUS_INTEGRATION);
}

/** A view as tall as its terminal is redrawn by wiping all of it, and what had scrolled away with it. */
const SCREEN_ROWS = 24;

/** Whether the conversation's views, redrawn in place, leave room above them. Text lines need none. */
export function hasRoom(terminal: TerminalSession): boolean {
  return terminal.size().rows >= SCREEN_ROWS;
}

/** @see https://no-color.org */
export function lookOf({ env, system }: Where): Look {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  return { color: (env.NO_COLOR ?? "") === "", unicode: system.platform === "win32" || /utf-?8/i.test(locale) };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0" && value !== "false";
}
