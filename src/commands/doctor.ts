import { makeContext } from "../doctor/context.ts";
import { examine, exitCodeOf } from "../doctor/examine.ts";
import { CHECKS } from "../doctor/registry.ts";
import type { CommandModule } from "./command.ts";
import { asJson, asText } from "./doctor-report.ts";
import { wantsJson } from "./report-options.ts";

export const run: CommandModule["run"] = async (host, parsed) => {
  const { profile, offline } = parsed.options;
  const context = await makeContext(host, typeof profile === "string" ? profile : undefined, offline === true);
  const lines = await examine(CHECKS, context);
  host.streams.writeOut(wantsJson(parsed) ? asJson(lines) : asText(lines, host));
  return exitCodeOf(lines);
};
