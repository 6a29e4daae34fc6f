import { chosenByAuto, type StoreStanding } from "../broker/report.ts";
import { printable } from "../core/printable.ts";
import { localTime, spoken } from "../core/time.ts";
import { exitCodeOf, type ProfileReport, type StatusReport } from "./status-report.ts";
import { wrapped } from "./wrapped.ts";

const WIDTH = 80;
const LONGEST_NAME = 24;
const LABEL_WIDTH = 10;
/** Beyond it JavaScript knows no date. */
const LAST_MS = 8e15;

type Known = Extract<ProfileReport, { readonly standing: unknown }>;

/** For a person and for a log: local times, with date and zone at the top and where the date is another, and how far away they are. */
export function asText({ nowMs, profiles, stores }: StatusReport): string {
  const width = Math.min(LONGEST_NAME, Math.max(...profiles.map(({ name }) => printable(name, 80).length)));
  const blocks = profiles.map((one) => profileLines(one, width, nowMs));
  return [[localTime(nowMs)], ...blocks, storeLines(stores, profiles)]
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

/** One line for each profile that has no credentials and would get none, and nothing else: what a monitoring system shows. */
export function failingLines({ profiles, nowMs }: StatusReport): string {
  return profiles
    .filter((one) => exitCodeOf(one) !== 0)
    .map((one) => {
      const name = printable(one.name, 80);
      if ("error" in one) return `${name}: cannot be used: ${printable(one.error.message, 1200)}\n`;
      const { found, failure } = one.standing;
      const since = found === undefined ? "no credentials" : `expired ${spoken(nowMs - found.entry.expiresAtMs)} ago`;
      return `${name}: ${since}, renewal failed ${ago(failure?.atMs ?? nowMs, nowMs)}: ${printable(failure?.message, 1200)}\n`;
    })
    .join("");
}

function profileLines(report: ProfileReport, width: number, nowMs: number): string[] {
  const name = printable(report.name, 80).padEnd(width);
  if ("error" in report) {
    return [
      `${name}  CANNOT BE USED`,
      ...labelled("problem", printable(report.error.message, 1200), report.error.hint),
    ];
  }
  const { failure } = report.standing;
  return [
    ...wrapped(`${name}  ${stateText(report, nowMs)}`, " ".repeat(width + 2), WIDTH),
    ...labelled("role", roleText(report)),
    ...labelled("identity", identityText(report)),
    ...renewedLines(report, nowMs),
    ...(failure === undefined
      ? []
      : labelled("failed", `${moment(failure.atMs, nowMs)}: ${printable(failure.message, 1200)}`, failure.hint)),
  ];
}

function stateText({ profile, standing: { state, found, ok } }: Known, nowMs: number): string {
  if (found === undefined) {
    if (!ok) return "NO CREDENTIALS, and the last attempt failed";
    return profile.store === "none"
      ? 'keeps nothing (store "none"), every call fetches'
      : "no credentials kept, the next call fetches them";
  }
  const { expiresAtMs, skewMs } = found.entry;
  const endMs = expiresAtMs - Math.max(0, skewMs);
  if (state !== "expired") {
    return `valid for ${spoken(endMs - nowMs)}, until ${clock(expiresAtMs, nowMs)}, kept in ${found.store}`;
  }
  const then = ok ? "the next call renews" : "and the last attempt to renew failed";
  // Of a clock that was set back.
  const when =
    endMs > nowMs
      ? "not used, since it was made later than this clock's time"
      : `${ok ? "expired" : "EXPIRED"} at ${moment(expiresAtMs, nowMs)}`;
  return `${when}, ${then}`;
}

function roleText({ profile: { role }, standing: { found } }: Known): string {
  const arn = role.arn ?? found?.entry.value.assumedRoleArn;
  return arn === undefined ? "the only one that the SAML assertion will grant" : printable(arn, 600);
}

function identityText({ profile: { identity }, standing: { found } }: Known): string {
  const source = `${printable(identity.name, 80)} (${printable(identity.kind, 60)})`;
  if (found === undefined) return source;
  const subject = printable(found.entry.subject, 200) || "an encrypted subject";
  return `${source}, ${subject} at ${printable(found.entry.issuer, 300)}`;
}

function renewedLines({ standing: { state, found, nextRefreshMs } }: Known, nowMs: number): string[] {
  if (found === undefined) return [];
  const next = nextRefreshMs === undefined ? "by the next call" : `from ${moment(nextRefreshMs, nowMs)}`;
  const renewed = moment(found.entry.mintedAtMs, nowMs);
  return labelled("renewed", state === "expired" ? renewed : `${renewed}; again ${next}`);
}

function storeLines(stores: readonly StoreStanding[], profiles: readonly ProfileReport[]): string[] {
  const chosen = chosenByAuto(stores);
  const named = new Set(profiles.map((one) => ("error" in one ? "" : one.profile.store)));
  const first =
    chosen === undefined
      ? 'No store that "auto" may choose works: every call fetches credentials.'
      : `store = "auto" writes to ${chosen.kind.name}.`;
  const upTo = chosen === undefined ? stores.length : stores.indexOf(chosen);
  const shown = stores.filter(({ kind }, index) => (kind.auto && index <= upTo) || named.has(kind.name));
  return [
    first,
    ...shown.flatMap(({ kind: { name, protects }, problem }) =>
      problem === undefined
        ? labelled(name, `works, and protects from ${protects}`)
        : labelled(name, `does not work: ${printable(problem.detail, 600)}`, problem.hint),
    ),
  ];
}

function labelled(label: string, text: string, hint?: string): string[] {
  const indent = " ".repeat(LABEL_WIDTH + 2);
  return [
    ...wrapped(`  ${label.padEnd(LABEL_WIDTH)}${text}`, indent, WIDTH),
    ...(hint === undefined ? [] : wrapped(`${indent}hint: ${printable(hint, 600)}`, `${indent}      `, WIDTH)),
  ];
}

/** As in "14:05:12 (in 47 min)". */
function moment(timeMs: number, nowMs: number): string {
  return `${clock(timeMs, nowMs)} (${timeMs > nowMs ? `in ${spoken(timeMs - nowMs)}` : ago(timeMs, nowMs)})`;
}

function ago(timeMs: number, nowMs: number): string {
  return `${spoken(nowMs - timeMs)} ago`;
}

/** Without the date where it is today's. */
function clock(timeMs: number, nowMs: number): string {
  if (Math.abs(timeMs) > LAST_MS) return "a time that no calendar has";
  const [date, time, zone] = localTime(timeMs).split(" ");
  const [today, , zoneNow] = localTime(nowMs).split(" ");
  return date === today && zone === zoneNow ? String(time) : `${date} ${time} ${zone}`;
}
