import { chosenByAuto, readStores, type StoreStanding } from "../../broker/report.ts";
import { printable } from "../../core/printable.ts";
import type { Check } from "../check.ts";
import { type Finding, failed, ok, skipped, warning } from "../finding.ts";

/** Where credentials are kept, what that protects from, and why not in a stronger place. Nothing is unlocked or created. */
export const stores: Check = {
  id: "stores",
  title: "stores",
  async run({ host, profiles }) {
    const settings = profiles.map(({ profile }) => profile.store);
    const found = await readStores(host, settings);
    const auto = settings.length === 0 || settings.includes("auto") ? autoLines(found) : [];
    const named = [...new Set(settings)].filter((name) => name !== "auto");
    return [...auto, ...named.map((name) => namedLine(name, found))];
  },
};

function autoLines(found: readonly StoreStanding[]): Finding[] {
  const chosen = chosenByAuto(found);
  if (chosen === undefined)
    return [
      warning('no store that store = "auto" may choose works: every call fetches credentials', "sts-broker status"),
      ...found.filter(({ kind }) => kind.auto).map(notUsed),
    ];
  const { name, protects } = chosen.kind;
  const stronger = found.slice(0, found.indexOf(chosen)).filter(({ kind }) => kind.auto);
  return [ok(`store = "auto" keeps credentials in ${name}, which protects from ${protects}`), ...stronger.map(notUsed)];
}

/** Weaker than it could be is how most servers are: said, with what would change it. */
function notUsed({ kind, problem }: StoreStanding): Finding {
  return skipped(`${kind.name} is stronger and not used: ${printable(problem?.detail, 600)}`, {}, problem?.hint);
}

function namedLine(name: string, found: readonly StoreStanding[]): Finding {
  if (name === "none") return ok('store = "none": nothing is kept, and every call fetches credentials');
  const standing = found.find(({ kind }) => kind.name === name);
  if (standing?.problem !== undefined)
    return failed(`store = "${name}" does not work: ${printable(standing.problem.detail, 600)}`, standing.problem.hint);
  return ok(`store = "${name}" works, and protects from ${standing?.kind.protects}`);
}
