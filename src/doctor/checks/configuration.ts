import { problemError } from "../../config/problem.ts";
import { START_HINT } from "../../config/resolve.ts";
import type { Check } from "../check.ts";
import { configurationProblems, configurationSummary } from "../configuration-problems.ts";
import { failed, ofError, ok } from "../finding.ts";

/** What `config check` says, and what this process's environment makes of the profiles. */
export const configuration: Check = {
  id: "configuration",
  title: "configuration",
  async run({ host, configuration: found, unreadable, unusable }) {
    if (unreadable !== undefined) return [ofError(unreadable)];
    if (found === undefined || found.files.length === 0) return [failed("there is no configuration", START_HINT)];
    if (found.profiles.size === 0) return [failed(`there is no [profile.…] in ${found.files.join(", ")}`, START_HINT)];
    const problems = await Promise.all(configurationProblems(host, found).map((one) => problemError(one, host)));
    const said = new Set(problems.map(({ message }) => message));
    const here = [...unusable].filter(([, { message }]) => !said.has(message));
    if (problems.length + here.length === 0) return [ok(configurationSummary(found))];
    return [...problems.map((one) => ofError(one)), ...here.map(([profile, one]) => ofError(one, { profile }))];
  },
};
