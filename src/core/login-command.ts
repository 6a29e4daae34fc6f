import { posixQuote } from "./posix-quote.ts";

/** What a person runs to log in, to be pasted into a shell. */
export function loginCommand(profile: string): string {
  return ofProfile("login", profile);
}

export function logoutCommand(profile: string): string {
  return ofProfile("logout", profile);
}

function ofProfile(verb: string, profile: string): string {
  return `sts-broker ${verb} --profile${profile.startsWith("-") ? "=" : " "}${posixQuote(profile)}`;
}
