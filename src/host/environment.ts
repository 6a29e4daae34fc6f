/** What a child we start may know of our environment. Anything else may hold somebody's secret. */
const PASSED = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LANGUAGE",
  "TZ",
  "TMPDIR",
  "TEMP",
  "TMP",
  "SYSTEMROOT",
  "WINDIR",
  "COMSPEC",
  "PATHEXT",
  "USERPROFILE",
  "USERNAME",
  "APPDATA",
  "LOCALAPPDATA",
  "PROGRAMDATA",
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "XAUTHORITY",
  "DBUS_SESSION_BUS_ADDRESS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NO_PROXY",
  "no_proxy",
  "KRB5_CONFIG",
  "KRB5CCNAME",
  "CREDENTIALS_DIRECTORY",
]);

function passes(name: string): boolean {
  return PASSED.has(name) || name.startsWith("LC_") || name.startsWith("XDG_");
}

/** The scrubbed environment of a child: an allow-list, because a deny-list of secrets is never complete. */
export function scrubbedEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  extra: readonly string[] = [],
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (passes(name) || extra.includes(name))) kept[name] = value;
  }
  return kept;
}
