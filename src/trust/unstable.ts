import { type Claims, claimOf } from "../assertion/jwt.ts";
import { printable } from "../core/printable.ts";

/** Claims that are another one with every token or every session. */
const CHANGING = ["jti", "sid", "session_state", "iat", "exp", "auth_time", "nonce"];
/** A pipeline's subject that names one run, branch or pull request of it. */
const ONE_RUN = /(?:^|[:/])(?:run|build|job|pipeline|pull|pull_request|merge_request|ref|sha|commit)(?:[:/_-]|$)/i;
const SHORT = 6;

/** Why the policy may stop to fit the next token; undefined where nothing speaks for it. */
export function unstableSubject(subject: string, claims: Claims): string | undefined {
  const shown = `the subject "${printable(subject, 120)}"`;
  for (const name of CHANGING) {
    const value = claimOf(claims, name);
    const text = typeof value === "string" || typeof value === "number" ? String(value) : "";
    if (text.length >= SHORT && subject.includes(text))
      return `${shown} holds the token's ${name}, so the next token most likely has another one`;
  }
  if (ONE_RUN.test(subject))
    return `${shown} looks like that of one run or branch: compare it with the token of another one (sts-broker token --claims)`;
  if (/^[^\s@:/|]+@[^\s@:/|]+\.[^\s@:/|]+$/.test(subject))
    return `${shown} looks like a mail address, and those are given to somebody else one day`;
  return undefined;
}
