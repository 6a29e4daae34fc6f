/** RFC 3339 in UTC with whole seconds and a `Z`: other spellings break real consumers of credential_process. */
export function rfc3339(timeMs: number): string {
  // Not toISOString(): V8 would first read the machine's time zone, in which nobody is interested, and every AWS call waits for that.
  const at = new Date(timeMs);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth() + 1, at.getUTCDate()];
  const [hours, minutes, seconds] = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()];
  return `${digits(year, 4)}-${digits(month)}-${digits(day)}T${digits(hours)}:${digits(minutes)}:${digits(seconds)}Z`;
}

function digits(number: number, count = 2): string {
  return String(number).padStart(count, "0");
}

/** A time of the machine's own zone, for people: "2026-11-21 14:05:12 +01:00". */
export function localTime(timeMs: number): string {
  const eastMinutes = -new Date(timeMs).getTimezoneOffset();
  const shifted = new Date(timeMs + eastMinutes * 60_000).toISOString();
  const [hours, minutes] = [Math.floor(Math.abs(eastMinutes) / 60), Math.floor(Math.abs(eastMinutes) % 60)];
  const zone = `${eastMinutes < 0 ? "-" : "+"}${digits(hours)}:${digits(minutes)}`;
  return `${shifted.slice(0, 10)} ${shifted.slice(11, 19)} ${zone}`;
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
