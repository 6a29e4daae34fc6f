import { localTime } from "../core/time.ts";
import type { ReportLine } from "../doctor/examine.ts";
import type { State } from "../doctor/finding.ts";
import type { Host } from "../host/host.ts";
import { wrapped } from "./wrapped.ts";

const WIDTH = 100;

const SIGNS: Readonly<Record<State, string>> = { ok: "✓", warning: "!", failed: "✗", skipped: "-" };
const ASCII_SIGNS: Readonly<Record<State, string>> = { ok: "ok", warning: "!!", failed: "no", skipped: "--" };

/** For a person and a ticket: a mark, what was looked at, what was found, and what to do about it. */
export function asText(lines: readonly ReportLine[], { clock, env, system }: Host): string {
  const signs = speaksUtf8(env, system.platform) ? SIGNS : ASCII_SIGNS;
  const width = Math.max(...lines.map(({ title }) => title.length));
  const signWidth = signs.ok.length;
  const indent = " ".repeat(signWidth + width + 3);
  const body = lines.flatMap(({ state, title, detail, hint, identity, profile }, index) => {
    const shown = lines[index - 1]?.title === title ? "" : title;
    const about = [identity && `identity ${identity}`, profile && `profile ${profile}`].filter(Boolean).join(", ");
    const text = `${about === "" ? "" : `${about}: `}${detail}`;
    // Of what is in order, and of what is not used, it is an option and no remedy.
    const label = state === "ok" || state === "skipped" ? "see:" : "fix:";
    const start = `${signs[state]} ${shown.padEnd(width)}  `;
    const said = wrapped(`${indent}${text}`, indent, WIDTH);
    said[0] = `${start}${(said[0] ?? "").slice(indent.length)}`;
    // One line, however long, so that it can be pasted.
    return [...said, ...(hint === undefined ? [] : [`${indent}${label} ${hint}`])];
  });
  return `${[localTime(clock.nowMs()), "", ...body, "", summary(lines)].map((line) => line.trimEnd()).join("\n")}\n`;
}

function summary(lines: readonly ReportLine[]): string {
  const [failed, warnings] = (["failed", "warning"] as const).map(
    (one) => lines.filter(({ state }) => state === one).length,
  );
  const rest = warnings === 1 ? "1 warning" : `${warnings} warnings`;
  if (failed === 0) return warnings === 0 ? "Everything is in order." : `Nothing has failed; ${rest}.`;
  return `${failed} failed${warnings === 0 ? "" : `, ${rest}`}. The first failure is often the cause of the others.`;
}

/** For scripts: every key is always there, and texts are as they are, in ASCII with \u escapes. */
export function asJson(lines: readonly ReportLine[]): string {
  const report = lines.map(({ id, title, state, detail, hint, profile, identity }) => ({
    id,
    title,
    state,
    detail,
    hint: hint ?? null,
    profile: profile ?? null,
    identity: identity ?? null,
  }));
  const text = JSON.stringify(report, null, 2);
  return `${text.replace(/[\u007f-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
}

/** @see locale(7), for the order of the variables */
function speaksUtf8(env: Host["env"], platform: NodeJS.Platform): boolean {
  if (env.TERM === "dumb") return false;
  if (platform === "win32") return env.WT_SESSION !== undefined;
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || "");
}
