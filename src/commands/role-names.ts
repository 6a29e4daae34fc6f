import type { AccountAliases } from "../config/account-aliases.ts";
import type { Choice } from "../identity/presenter.ts";
import type { NamedChoice } from "./conversation.ts";

const ROLE = /^arn:[\w-]+:iam::(\d{12}):role\/(\S+)(?: through \S+:saml-provider\/(\S+))?$/;

/** Roles as people know them: the account's alias or number, then the role; ordered by both. What is no role stays as it is. */
export function namedRoles(choices: readonly Choice[], aliases: AccountAliases): readonly NamedChoice[] {
  const parsed = choices.map(({ value, label }) => {
    const [, account, role = label, provider] = ROLE.exec(label) ?? [];
    return { value, arn: label, name: account === undefined ? "" : (aliases.get(account) ?? account), role, provider };
  });
  if (parsed.every(({ name }) => name === "")) return choices;
  const order = new Intl.Collator(undefined, { numeric: true });
  const width = Math.min(24, Math.max(...parsed.map(({ name }) => name.length)));
  return parsed
    .map(({ value, arn, name, role, provider }) => ({
      value,
      label: `${name === "" ? "" : `${name.padEnd(width)}  `}${role}${provider === undefined ? "" : ` (${provider})`}`,
      also: arn,
    }))
    .sort((one, other) => order.compare(one.label, other.label));
}

/** As in "billing in prod (123456789012)". */
export function namedRole(arn: string, aliases: AccountAliases): string {
  const [, account, role] = ROLE.exec(arn) ?? [];
  if (account === undefined) return arn;
  const alias = aliases.get(account);
  return `${role} in ${alias === undefined ? `account ${account}` : `${alias} (${account})`}`;
}
