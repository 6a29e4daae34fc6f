import { readConfiguration } from "../config/files.ts";
import { noProfiles, unknownProfile } from "../config/resolve.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import type { CommandModule } from "./command.ts";
import { wantsJson } from "./report-options.ts";
import { asJson } from "./status-json.ts";
import { exitCodeOf, makeReport } from "./status-report.ts";
import { asText, failingLines } from "./status-text.ts";

export const run: CommandModule["run"] = async (host, parsed) => {
  const configuration = readConfiguration(host);
  if (configuration.profiles.size === 0) throw noProfiles(host, configuration);
  const { profile: wanted, check } = parsed.options;
  if (typeof wanted === "string" && !configuration.profiles.has(wanted)) throw unknownProfile(wanted, configuration);
  const names = typeof wanted === "string" ? [wanted] : [...configuration.profiles.keys()];
  const json = wantsJson(parsed);
  if (parsed.options.watch === true) {
    if (json || check === true)
      throw new BrokerError("USAGE", "--watch is for a person, and goes with neither --json nor --check");
    return (await import("./status-watch.ts")).watch(host, configuration, names);
  }
  const report = await makeReport(host, configuration, names, json || check !== true);
  const text = json ? asJson(report) : check === true ? failingLines(report) : asText(report);
  if (text !== "") host.streams.writeOut(text);

  if (check === true) return report.profiles.map(exitCodeOf).find((code) => code !== EXIT.done) ?? EXIT.done;
  return report.profiles.some((one) => "error" in one) ? EXIT.usage : EXIT.done;
};
