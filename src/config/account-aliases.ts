import { hasControlCharacter, printable } from "../core/printable.ts";
import type { Host } from "../host/host.ts";
import type { Configuration, FileTable } from "./files.ts";
import { type Problem, problemError } from "./problem.ts";

/** What people call an AWS account, by its number. */
export type AccountAliases = ReadonlyMap<string, string>;

const PATH = "account_aliases";

/**
 * `[account_aliases]` of all files; of one account the last file's counts.
 * @throws CONFIG_INVALID with file:line:column
 */
export async function accountAliases(
  { aliases }: Pick<Configuration, "aliases">,
  host: Pick<Host, "files">,
): Promise<AccountAliases> {
  const [problem] = aliases.flatMap(judgeAliases);
  if (problem !== undefined) throw await problemError(problem, host);
  return new Map(aliases.flatMap(({ table }) => Object.entries(table)).map(([id, name]) => [id, String(name)]));
}

/** Every problem of one table. */
export function judgeAliases({ file, table }: FileTable): readonly Problem[] {
  return Object.entries(table).flatMap(([account, name]): Problem[] => {
    const at = (message: string, hint: string): Problem[] => [{ file, path: [PATH, account], message, hint }];
    if (!/^\d{12}$/.test(account))
      return at(`"${printable(account, 60)}" is not the number of an AWS account`, '"123456789012" = "prod"');
    if (typeof name !== "string" || name.trim() === "" || name.length > 80 || hasControlCharacter(name))
      return at(`the alias of account ${account} must be a text of 1 to 80 characters`, `"${account}" = "prod"`);
    return [];
  });
}
