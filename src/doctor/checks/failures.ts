import { parseStanding, standingAt } from "../../broker/budget.ts";
import { readStandings } from "../../broker/report.ts";
import { existingCacheDirectory } from "../../cache/directory.ts";
import { printable } from "../../core/printable.ts";
import { localTime, spoken } from "../../core/time.ts";
import type { Host } from "../../host/host.ts";
import type { Check } from "../check.ts";
import { type Finding, ok, warning } from "../finding.ts";

const MAX_BYTES = 4 * 1024;

/** What the user's processes remember: the last renewal that failed, and servers that asked to be left alone. */
export const failures: Check = {
  id: "failures",
  title: "last failures",
  async run({ host, profiles }) {
    const standings = await readStandings(
      host,
      profiles.map(({ profile }) => profile),
    );
    const nowMs = host.clock.nowMs();
    const failed = standings.flatMap(({ failure }, index): Finding[] => {
      if (failure === undefined) return [];
      const resting = failure.untilMs > nowMs ? `, tried again from ${localTime(failure.untilMs)}` : "";
      const line = `the last renewal failed ${spoken(nowMs - failure.atMs)} ago${resting}: ${printable(failure.message, 800)}`;
      return [warning(line, failure.hint, { profile: profiles[index]?.profile.name })];
    });
    const found = [...failed, ...throttling(host, nowMs)];
    return found.length > 0 ? found : [ok("no failed renewal and no busy server is remembered")];
  },
};

function throttling(host: Host, nowMs: number): Finding[] {
  const directory = existingCacheDirectory(host);
  if (!directory.ok) return [];
  const folder = `${directory.path}/throttling`;
  return listing(folder, host).flatMap((name): Finding[] => {
    const endpoint = endpointIn(`${folder}/${name}`, host);
    const standing = endpoint === undefined ? undefined : parseStanding(endpoint.text, endpoint.name);
    if (endpoint === undefined || standing === undefined) return [];
    const { notBeforeMs } = standingAt(nowMs, standing);
    if (notBeforeMs <= nowMs) return [];
    const line = `${printable(endpoint.name, 120)} throttles, and asks to be left alone until ${localTime(notBeforeMs)} (${spoken(notBeforeMs - nowMs)})`;
    return [warning(line, "wait, or ask who runs it for a higher limit")];
  });
}

function listing(folder: string, { files }: Host): string[] {
  try {
    return files.list(folder);
  } catch {
    return [];
  }
}

function endpointIn(file: string, { files }: Host): { name: string; text: string } | undefined {
  try {
    const text = new TextDecoder().decode(files.read(file, MAX_BYTES));
    const { endpoint } = JSON.parse(text) as { endpoint?: unknown };
    return typeof endpoint === "string" ? { name: endpoint, text } : undefined;
  } catch {
    return undefined;
  }
}
