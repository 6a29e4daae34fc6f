import { chosenByAuto, type StoreStanding } from "../broker/report.ts";
import { rfc3339 } from "../core/time.ts";
import { exitCodeOf, type ProfileReport, type StatusReport } from "./status-report.ts";

/** For scripts: every key is always there, times are UTC, and texts are as they are, in ASCII with \u escapes. */
export function asJson({ nowMs, profiles, stores }: StatusReport): string {
  const report = {
    at: rfc3339(nowMs),
    ok: profiles.every((one) => exitCodeOf(one) === 0),
    profiles: profiles.map(profileJson),
    auto: chosenByAuto(stores)?.kind.name ?? null,
    stores: stores.map(storeJson),
  };
  const text = JSON.stringify(report, null, 2);
  return `${text.replace(/[\u007f-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
}

function profileJson(report: ProfileReport): object {
  if ("error" in report) {
    const { code, message, hint, exitCode } = report.error;
    const error = { code, message, hint: hint ?? null, exitCode, at: null, retryAt: null };
    const unknown = { identity: null, role: null, store: null, keptIn: null };
    return { profile: report.name, state: "unusable", ok: false, ...unknown, ...NO_TIMES, error };
  }
  const { name, profile, standing } = report;
  const { state, ok, found, failure, nextRefreshMs } = standing;
  const { entry } = found ?? {};
  return {
    profile: name,
    state,
    ok,
    identity: {
      name: profile.identity.name,
      type: profile.identity.kind,
      issuer: entry?.issuer ?? null,
      subject: entry?.subject ?? null,
    },
    role: {
      arn: profile.role.arn ?? null,
      assumed: entry?.value.assumedRoleArn ?? null,
    },
    store: profile.store,
    keptIn: found?.store ?? null,
    expiresAt: time(entry?.expiresAtMs),
    renewedAt: time(entry?.mintedAtMs),
    nextRefreshAt: time(nextRefreshMs),
    error:
      failure === undefined
        ? null
        : {
            code: failure.code,
            message: failure.message,
            hint: failure.hint ?? null,
            exitCode: failure.exitCode,
            at: time(failure.atMs),
            retryAt: time(failure.untilMs),
          },
  };
}

const NO_TIMES = { expiresAt: null, renewedAt: null, nextRefreshAt: null };

function storeJson({ kind: { name, auto, summary, protects }, problem }: StoreStanding): object {
  const { detail = null, hint = null } = problem ?? {};
  return { store: name, auto, usable: problem === undefined, problem: detail, hint, summary, protectsFrom: protects };
}

/** Null for what is no time: a damaged entry must not cost the report. */
function time(timeMs: number | undefined): string | null {
  return timeMs === undefined || Math.abs(timeMs) > 8.64e15 ? null : rfc3339(timeMs);
}
