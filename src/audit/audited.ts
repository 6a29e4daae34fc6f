import type { AuditPlace } from "../config/audit.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Profile, SessionCredentials } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { auditLine, occasionOf, type Trace } from "./record.ts";
import { openSink, type Sink } from "./sink.ts";

/** A syslog that hangs must not hang us. */
const LONGEST_WRITE_MS = 2_000;
const SHORTEST_WRITE_MS = 100;

export interface Audit {
  readonly host: Pick<Host, "clock" | "files" | "log" | "spawn" | "system">;
  readonly profile: Profile;
  readonly places: readonly AuditPlace[];
  /** On `host.clock.monotonicMs()`: records are written until then. */
  readonly deadlineMs: number;
}

/**
 * Runs an exchange and writes one record of it to every place, whether it succeeds or fails. A place that does not take it is a
 * warning, unless it is required.
 *
 * @param exchange notes in the trace what becomes known on its way
 * @throws AUDIT_FAILED where a required place takes no record: before the exchange if that can be known, else after it
 * @throws what the exchange throws
 */
export async function audited<T extends { readonly value: SessionCredentials }>(
  audit: Audit,
  exchange: (trace: Trace) => Promise<T>,
): Promise<T> {
  const { host, profile, places } = audit;
  const sinks = places.map((place): RequiredSink => ({ ...openSink(place, host), required: place.required }));
  const occasion = occasionOf(host, profile);
  const trace: Trace = {};
  const record = (outcome: SessionCredentials | Error): Promise<Lost[]> =>
    write(audit, sinks, auditLine(occasion, trace, outcome, host.clock.nowMs()));

  const unusable = sinks.flatMap((sink) => (sink.required ? (problemOf(sink) ?? []) : []))[0];
  if (unusable !== undefined) {
    const error = auditFailed(unusable, "the audit record cannot be written to", "no credentials are fetched", host);
    warn(host, (await record(error)).filter(isOptional));
    throw error;
  }
  let made: T;
  try {
    made = await exchange(trace);
  } catch (error) {
    warn(host, await record(error instanceof Error ? error : new Error("not an error")));
    throw error;
  }
  const lost = await record(made.value);
  warn(host, lost.filter(isOptional));
  const missed = lost.find(({ sink }) => sink.required);
  if (missed !== undefined)
    throw auditFailed(missed, "the audit record was not written to", "the new credentials are thrown away", host);
  return made;
}

type RequiredSink = Sink & { readonly required: boolean };

interface Lost {
  readonly sink: RequiredSink;
  readonly why: string;
}

const isOptional = ({ sink }: Lost): boolean => !sink.required;

function problemOf(sink: RequiredSink): Lost | undefined {
  try {
    sink.check();
    return undefined;
  } catch (error) {
    return { sink, why: wordsOf(error) };
  }
}

/** To all places at once; those that did not take it. */
async function write({ host, deadlineMs }: Audit, sinks: readonly RequiredSink[], line: string): Promise<Lost[]> {
  const leftMs = deadlineMs - host.clock.monotonicMs();
  const timeoutMs = Math.max(SHORTEST_WRITE_MS, Math.min(LONGEST_WRITE_MS, leftMs));
  const tried = await Promise.all(
    sinks.map((sink) =>
      sink.write(line, timeoutMs).then(
        () => [],
        (error): Lost[] => [{ sink, why: wordsOf(error) }],
      ),
    ),
  );
  const lost = tried.flat();
  const taken = sinks.filter((sink) => !lost.some((one) => one.sink === sink));
  host.log.debug("audit", `recorded in ${taken.map(({ name }) => name).join(", ") || "no place"}`);
  return lost;
}

function warn({ log }: Audit["host"], lost: readonly Lost[]): void {
  for (const { sink, why } of lost) log.warn(`audit record not written to ${sink.name}: ${why}`);
}

function auditFailed({ sink, why }: Lost, what: string, so: string, { system }: Audit["host"]): BrokerError {
  return new BrokerError("AUDIT_FAILED", `${what} ${sink.name} (${why}), so ${so}`, {
    hint: `[audit] has required = true; ${/ENOSPC|EDQUOT/.test(why) ? "make room there" : `let user "${printable(system.username(), 80)}" write there`}`,
  });
}

function wordsOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : error);
}
