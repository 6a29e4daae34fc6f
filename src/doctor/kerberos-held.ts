import { ccacheOwner } from "../cache/ccache.ts";
import { EXIT } from "../core/errors.ts";
import { posixQuote } from "../core/posix-quote.ts";
import { printable } from "../core/printable.ts";
import { localTime, spoken } from "../core/time.ts";
import type { Host } from "../host/host.ts";
import { type About, codeOf, type Finding, failed, ok, skipped, warning } from "./finding.ts";
import type { UsedKerberos } from "./kerberos-of.ts";
import { type KeytabEntry, readKeytab } from "./keytab.ts";
import { ticketGrants } from "./ticket-cache.ts";

/** What an identity has in hand: whose keys or tickets, and what is to be said of them. */
export interface Held {
  readonly principal: string | undefined;
  readonly lines: readonly Finding[];
}

/** The keys of a keytab, which is read as this user. */
export function heldInKeytab(path: string, { credentials }: UsedKerberos, host: Host, about: About): Held {
  const file = printable(path);
  const wrong = (line: string, hint: string): Held => ({ principal: undefined, lines: [failed(line, hint, about)] });
  let entries: readonly KeytabEntry[] | undefined;
  try {
    const bytes = host.files.read(path);
    if (bytes === undefined) return wrong(`there is no keytab ${file}`, `ls -l ${posixQuote(file)}`);
    entries = readKeytab(bytes);
  } catch (error) {
    const who = printable(host.system.username(), 60);
    const hint = `sudo setfacl -m u:${posixQuote(who)}:r ${posixQuote(file)}, or gssproxy = true`;
    return wrong(`the keytab ${file} cannot be read by ${who} (${codeOf(error)})`, hint);
  }
  if (entries === undefined || entries.length === 0)
    return wrong(
      `${file} is no keytab, or holds no key`,
      `klist -k ${posixQuote(file)}; export it anew (adcli, ktpass, ktadd)`,
    );
  const principals = [...new Set(entries.map(({ principal }) => principal))];
  const wanted = credentials.principal;
  const first = principals[0] ?? "";
  const mine = wanted === undefined ? first : principals.find((one) => one === wanted || one.startsWith(`${wanted}@`));
  const shown = principals
    .slice(0, 4)
    .map((one) => printable(one, 120))
    .join(", ");
  if (mine === undefined)
    return wrong(
      `the keytab ${file} has no key of ${printable(wanted, 120)}; it has ${shown}`,
      `principal = "${printable(first, 120)}", or another keytab`,
    );
  const keys = entries.filter(({ principal }) => principal === mine);
  const version = Math.max(...keys.map((one) => one.version));
  const kinds = [...new Set(keys.map(({ encryption }) => encryption))];
  const line = `the keytab ${file} has keys of ${printable(mine, 120)} (version ${version}; ${kinds.join(", ")})`;
  const strong = kinds.some((kind) => kind.startsWith("aes"));
  const judged = strong
    ? ok(line, about)
    : warning(`${line}, and none is AES, which directories ask for today`, "export it anew with AES keys", about);
  return { principal: mine, lines: [judged] };
}

/** The tickets of a credential cache, as klist shows them; no ticket is fetched. */
export function heldInCache({ credentials }: UsedKerberos, host: Host, about: About): Held {
  const [name, owner] = ccacheOwner(credentials.ccache, host);
  const cache = printable(name, 160);
  const path = name.startsWith("FILE:") ? name.slice(5) : name;
  if (!path.startsWith("/"))
    return {
      principal: undefined,
      lines: [
        skipped(
          `the credential cache ${cache} is no file, and is left to Kerberos`,
          about,
          `klist -c ${posixQuote(cache)}`,
        ),
      ],
    };
  const kinit = `kinit${credentials.principal === undefined ? "" : ` ${posixQuote(printable(credentials.principal, 120))}`}${credentials.ccache === undefined ? "" : ` -c ${posixQuote(cache)}`}`;
  if (owner === null)
    return {
      principal: undefined,
      lines: [warning(`there is no ticket in ${cache}`, `${kinit}, or for a job: keytab = "/path"`, about)],
    };
  let endsAtMs = 0;
  try {
    const grants = ticketGrants(host.files.read(path) ?? new Uint8Array());
    endsAtMs = Math.max(0, ...grants.map((one) => one.endsAtMs));
  } catch {
    // Of another user, or larger than any cache: the KDC's answer tells.
  }
  const nowMs = host.clock.nowMs();
  const who = `${cache} is ${printable(owner, 120)}'s`;
  if (endsAtMs === 0)
    return { principal: owner, lines: [warning(`${who}, and holds no ticket-granting ticket`, kinit, about)] };
  const line =
    endsAtMs > nowMs
      ? ok(`${who}, with a ticket until ${localTime(endsAtMs)} (${spoken(endsAtMs - nowMs)})`, about)
      : failed(`${who}, and its ticket expired ${spoken(nowMs - endsAtMs)} ago`, kinit, about, EXIT.loginRequired);
  return { principal: owner, lines: [line] };
}
