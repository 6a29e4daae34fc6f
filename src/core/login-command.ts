const PLAIN = /^[A-Za-z0-9_./:@+-]+$/;

/** What a person runs to log in, to be pasted into a shell. */
export function loginCommand(profile: string): string {
  const quoted = PLAIN.test(profile) && !profile.startsWith("-") ? profile : `'${profile.replaceAll("'", "'\\''")}'`;
  return profile.startsWith("-") ? `sts-broker login --profile=${quoted}` : `sts-broker login --profile ${quoted}`;
}
