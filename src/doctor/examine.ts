import { within } from "../broker/deadline.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Host } from "../host/host.ts";
import type { Check, DoctorContext } from "./check.ts";
import { type Finding, ofError, skipped } from "./finding.ts";
import { fitToPaste } from "./fit-to-paste.ts";

/** Every check's. A proof of identity may need nearly all of it, see context.ts; nothing else does. */
const CHECK_MS = 42_000;
const LONGEST_DETAIL = 1_200;
const LONGEST_HINT = 600;

/** A finding with the check it is of, fit to be shown to anybody. */
export interface ReportLine extends Finding {
  readonly id: string;
  readonly title: string;
}

/**
 * Runs all checks side by side; their lines come in the checks' order. None stops another: what one throws is its own line.
 */
export async function examine(checks: readonly Check[], context: DoctorContext): Promise<readonly ReportLine[]> {
  const { host, offline } = context;
  const found = await Promise.all(
    checks.map(async (check): Promise<ReportLine[]> => {
      const findings =
        check.network === true && offline
          ? [skipped("not looked at, since --offline asks nobody")]
          : await findingsOf(check, context);
      return findings.map((one) => line(check, one, host));
    }),
  );
  return found.flat();
}

async function findingsOf(check: Check, context: DoctorContext): Promise<readonly Finding[]> {
  const { host } = context;
  try {
    return await within(host, CHECK_MS, async () => check.run(context));
  } catch (error) {
    if (!(error instanceof BrokerError)) host.log.debug("doctor", `${check.id}: ${(error as Error).stack}`);
    return [ofError(error)];
  }
}

function line({ id, title }: Check, { detail, hint, profile, identity, ...finding }: Finding, host: Host): ReportLine {
  const shown = (text: string, longest: number): string => printable(fitToPaste(text, host), longest);
  return {
    ...finding,
    id,
    title,
    detail: shown(detail, LONGEST_DETAIL),
    ...(hint === undefined ? {} : { hint: shown(hint, LONGEST_HINT) }),
    ...(profile === undefined ? {} : { profile: shown(profile, 80) }),
    ...(identity === undefined ? {} : { identity: shown(identity, 80) }),
  };
}

/** The first failure's. */
export function exitCodeOf(lines: readonly ReportLine[]): number {
  const first = lines.find(({ state }) => state === "failed");
  return first === undefined ? EXIT.done : (first.exitCode ?? EXIT.usage);
}
