/**
 * The lines of `~/.aws/config` that are ours, between two markers; nothing outside them is touched. Text is taken a byte a character
 * (latin1), so that whatever encoding the rest is in comes through.
 */
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";

export const BEGIN = "# >>> sts-broker >>>";
export const END = "# <<< sts-broker <<<";
const EXPLAINED = "# kept by `sts-broker config init`";

export interface AwsProfile {
  /** Letters, digits and _.@+- alone, so that no reader needs quotes. */
  readonly name: string;
  readonly region: string | undefined;
  /** The value of credential_process. */
  readonly command: string;
}

/**
 * @param file how errors call it
 * @throws BrokerError CONFIG_INVALID for a file with NUL bytes, for a profile of that name outside the markers, and for markers that do not pair
 */
export function withAwsProfile(text: string, file: string, profile: AwsProfile): string {
  if (text.includes("\0"))
    throw new BrokerError("CONFIG_INVALID", `${file} has NUL bytes, as UTF-16 has, and AWS's tools read UTF-8`, {
      hint: "save it as UTF-8",
    });
  const end = /\r\n/.test(text) ? "\r\n" : "\n";
  const lines = text.split(/(?<=\n)/);
  const block = blockOf(lines, file);
  const outside = block === undefined ? lines : [...lines.slice(0, block.begin), ...lines.slice(block.end + 1)];
  if (sectionAt(outside, profile.name) >= 0) {
    // Somebody who has done it by hand has nothing to gain from a second section.
    if (saysTheSame(outside, profile)) return text;
    throw new BrokerError("CONFIG_INVALID", `${file} has a ${header(profile.name)} of its own, which is left alone`, {
      hint: `--profile with another name, or add to it: credential_process = ${profile.command}`,
    });
  }
  if (block === undefined) {
    const gap = text === "" ? "" : /\n$/.test(text) ? end : end + end;
    const ours = [BEGIN, EXPLAINED, ...sectionLines(profile), END].map((line) => line + end);
    return text + gap + ours.join("");
  }
  const inside = lines.slice(block.begin + 1, block.end);
  return [...lines.slice(0, block.begin + 1), ...withSection(inside, profile, end), ...lines.slice(block.end)].join("");
}

function header(name: string): string {
  return name === "default" ? "[default]" : `[profile ${name}]`;
}

function settingLines({ region, command }: AwsProfile): string[] {
  return [...(region === undefined ? [] : [`region = ${region}`]), `credential_process = ${command}`];
}

function sectionLines(profile: AwsProfile): string[] {
  return [header(profile.name), ...settingLines(profile)];
}

/** Our two settings anew; what somebody wrote beside them stays. */
function withSection(inside: readonly string[], profile: AwsProfile, end: string): string[] {
  const at = sectionAt(inside, profile.name);
  const [top = "", ...settings] = sectionLines(profile).map((line) => line + end);
  if (at < 0) return [...inside, top, ...settings];
  const next = sectionEnd(inside, at);
  const kept = withoutOurs(inside.slice(at + 1, next));
  // Below a setting of ours, an indented line would continue its value.
  const body = /^[ \t]+[^\s#;]/.test(kept.find((line) => !NO_SETTING.test(line)) ?? "")
    ? [...kept, ...settings]
    : [...settings, ...kept];
  return [...inside.slice(0, at), top, ...body, ...inside.slice(next)];
}

const OURS = /^[ \t]*(?:region|credential_process)\s*[=:]/i;
const NO_SETTING = /^\s*(?:[#;]|$)/;

/** With the lines that continue a value of ours; a nested setting of that name (s3 = …) is another's. */
function withoutOurs(lines: readonly string[]): string[] {
  let keyIndent = Number.POSITIVE_INFINITY;
  let isOurs = false;
  return lines.filter((line) => {
    if (NO_SETTING.test(line)) return true;
    const indent = /^[ \t]*/.exec(line)?.[0].length ?? 0;
    if (indent <= keyIndent) {
      keyIndent = indent;
      isOurs = OURS.test(line);
    }
    return !isOurs;
  });
}

function saysTheSame(lines: readonly string[], { name, command }: AwsProfile): boolean {
  const at = sectionAt(lines, name);
  return lines
    .slice(at + 1, sectionEnd(lines, at))
    .some((line) => /^[ \t]*credential_process\s*[=:]\s*(.*?)\s*$/i.exec(line)?.[1] === command);
}

function sectionEnd(lines: readonly string[], at: number): number {
  const next = lines.findIndex((line, index) => index > at && HEADER.test(line));
  return next < 0 ? lines.length : next;
}

// Python's configparser takes an indented one as well.
const HEADER = /^[ \t]*\[([^\]]+)\]/;

/** -1 where there is none. `[profile "a"]` and `[profile a]` are the same to AWS's tools. */
function sectionAt(lines: readonly string[], name: string): number {
  return lines.findIndex((line) => {
    const inside = HEADER.exec(line)?.[1]?.trim() ?? "";
    if (name === "default" && inside === "default") return true;
    const [, word, quoted, bare] = /^(profile)\s+(?:["'](.*)["']|(.*))$/.exec(inside) ?? [];
    return word !== undefined && (quoted ?? bare)?.trim() === name;
  });
}

function blockOf(lines: readonly string[], file: string): { begin: number; end: number } | undefined {
  const found = (marker: string): number[] => lines.flatMap((line, index) => (line.trim() === marker ? [index] : []));
  const begins = found(BEGIN);
  const ends = found(END);
  const [begin] = begins;
  const [end] = ends;
  if (begin === undefined && end === undefined) return undefined;
  if (begins.length === 1 && ends.length === 1 && begin !== undefined && end !== undefined && begin < end)
    return { begin, end };
  const line = Math.min(begin ?? Number.POSITIVE_INFINITY, end ?? Number.POSITIVE_INFINITY) + 1;
  throw new BrokerError(
    "CONFIG_INVALID",
    `${printable(file)}:${line}: the lines "${BEGIN}" and "${END}" do not pair, so what is between them is not known`,
    { hint: "take them away, or leave one of each in that order" },
  );
}
