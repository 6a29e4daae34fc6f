import type { Problem } from "../../config/problem.ts";
import { problemError } from "../../config/problem.ts";
import { START_HINT } from "../../config/resolve.ts";
import type { Check, DoctorContext } from "../check.ts";
import { configurationProblems, configurationSummary } from "../configuration-problems.ts";
import { failed, ofError, ok, warning } from "../finding.ts";

/** What `config check` says, and what this process's environment makes of the profiles. */
export const configuration: Check = {
  id: "configuration",
  title: "configuration",
  async run(context) {
    const { host, configuration: found, unreadable, unusable } = context;
    if (unreadable !== undefined) return [ofError(unreadable)];
    if (found === undefined || found.files.length === 0) return [failed("there is no configuration", START_HINT)];
    if (found.profiles.size === 0) return [failed(`there is no [profile.…] in ${found.files.join(", ")}`, START_HINT)];
    const problems = await Promise.all(
      configurationProblems(host, found).map(async (problem) => ({
        error: await problemError(problem, host),
        elsewhere: isElsewhere(problem, context),
      })),
    );
    const said = new Set(problems.map(({ error }) => error.message));
    const here = [...unusable].filter(([, { message }]) => !said.has(message));
    if (problems.length + here.length === 0) return [ok(configurationSummary(found))];
    return [
      ...problems.map(({ error, elsewhere }) =>
        elsewhere ? warning(`elsewhere: ${error.message}`, error.hint) : ofError(error),
      ),
      ...here.map(([profile, one]) => ofError(one, { profile })),
    ];
  },
};

/** A mistake in a table that the profile in question does not use. */
function isElsewhere({ path: [table, name] }: Problem, { only, configuration }: DoctorContext): boolean {
  if (only === undefined || name === undefined) return false;
  if (table === "profile") return name !== only;
  return table === "identity" && name !== configuration?.profiles.get(only)?.table.identity;
}
