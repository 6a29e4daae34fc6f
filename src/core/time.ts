/** RFC 3339 in UTC with whole seconds and a `Z`: other spellings break real consumers of credential_process. */
export function rfc3339(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}

/** A duration as a person says it: "45 s", "12 min", "3 h 5 min". Negative durations are said without their sign. */
export function spoken(durationMs: number): string {
  const seconds = Math.round(Math.abs(durationMs) / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const rest = minutes % 60;
  return rest === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
}
