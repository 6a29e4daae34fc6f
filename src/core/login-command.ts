const PLAIN = /^[A-Za-z0-9_./:@+-]+$/;

/** What a person runs to log in, to be pasted into a shell. */
export function loginCommand(profile: string): string {
  return ofProfile("login", profile);
}

export function logoutCommand(profile: string): string {
  return ofProfile("logout", profile);
}

function ofProfile(verb: string, profile: string): string {
  const quoted = PLAIN.test(profile) && !profile.startsWith("-") ? profile : `'${profile.replaceAll("'", "'\\''")}'`;
  return profile.startsWith("-") ? `sts-broker ${verb} --profile=${quoted}` : `sts-broker ${verb} --profile ${quoted}`;
}
