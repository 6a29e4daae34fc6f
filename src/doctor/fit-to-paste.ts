import type { Host } from "../host/host.ts";

const HIDDEN: readonly (readonly [RegExp, string])[] = [
  // user:password@ of a URL: proxies, mostly
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']*@/gi, "$1"],
  // A JWT, or two thirds of one
  [/\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?/g, "[token]"],
  // Access key ids: whose they are is told by the account alone
  [/\b((?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z2-7]{2})[A-Z0-9]{10,}/g, "$1…"],
  // Whatever else is long enough to be a secret and has no place in a sentence: base64 of keys, assertions and tickets
  [/(?<![\w/+.:~-])[A-Za-z0-9+_-][A-Za-z0-9+/_-]{79,}={0,2}/g, "[…]"],
];

/**
 * The last gate of the report: no check means to say a secret, and what an error of somebody else quotes does not get past here either.
 * The home directory becomes `~`, which a shell takes as well.
 */
export function fitToPaste(text: string, { system }: Pick<Host, "system">): string {
  const home = system.homeDir();
  let shown = text;
  for (const [pattern, put] of HIDDEN) shown = shown.replace(pattern, put);
  if (home === undefined || home.length < 2) return shown;
  const parts = shown.split(home.replace(/\/$/, ""));
  // Only as a whole name: /home/ana is not the start of /home/anabel.
  return parts.reduce((all, part) => (/^[\w.-]/.test(part) ? `${all}${home}${part}` : `${all}~${part}`));
}
