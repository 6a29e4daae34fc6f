import { isAbsolute } from "../core/absolute-path.ts";
import { isLoopbackUrl } from "../core/loopback.ts";
import { hasControlCharacter, printable } from "../core/printable.ts";
import type { SettingSpec, SettingsSpec } from "../core/settings.ts";
import type { TomlTable, TomlValue } from "../core/types.ts";
import { isTable } from "./files.ts";
import type { Problem } from "./problem.ts";
import { didYouMean } from "./suggest.ts";

/** Where a secret may come from; the key names the place. */
export const SECRET_PLACES = ["file", "env", "credential", "keychain", "command"] as const;

const SECRET_FORMS =
  '{ file = "/path" }, { env = "NAME" }, { credential = "name" }, { keychain = "name" } or { command = ["program", "argument"] }';

interface Where {
  readonly file: string;
  readonly path: readonly string[];
}

/** Every problem of one table against its specification. Values are not quoted where they may be secret. */
export function checkSettings(
  table: TomlTable,
  spec: SettingsSpec,
  where: Where,
  platform: NodeJS.Platform,
): Problem[] {
  const problems: Problem[] = [];
  const at = (key: string, message: string, hint?: string): void => {
    problems.push({ file: where.file, path: [...where.path, key], message, hint });
  };
  for (const [key, value] of Object.entries(table)) {
    const setting = Object.hasOwn(spec, key) ? spec[key] : undefined;
    if (setting === undefined) {
      at(key, `unknown key "${printable(key, 60)}" in [${where.path.join(".")}]`, didYouMean(key, Object.keys(spec)));
      continue;
    }
    const wrong = judge(value, setting, platform);
    if (wrong !== undefined) at(key, `${key} ${wrong.message}`, wrong.hint);
  }
  for (const [key, setting] of Object.entries(spec)) {
    if (setting.required === true && table[key] === undefined) {
      problems.push({
        file: where.file,
        path: where.path,
        message: `[${where.path.join(".")}] has no ${key}`,
        hint: `${key}: ${setting.summary}`,
      });
    }
  }
  return problems;
}

interface Wrong {
  readonly message: string;
  readonly hint?: string;
}

function judge(value: TomlValue, setting: SettingSpec, platform: NodeJS.Platform): Wrong | undefined {
  switch (setting.type) {
    case "string":
      return judgeString(value, setting);
    case "boolean":
      return typeof value === "boolean" ? undefined : { message: "must be true or false" };
    case "integer":
      return judgeInteger(value, setting);
    case "path":
      return judgePath(value, platform);
    case "url":
      return judgeUrl(value);
    case "secret":
      return judgeSecret(value, platform);
    case "argv":
      return judgeArgv(value);
    case "strings":
      return judgeStrings(value, setting);
    case "string-or-strings":
      return typeof value === "string" ? judgeString(value, setting) : judgeStrings(value, setting);
    case "string-table":
      if (
        !isTable(value) ||
        Object.entries(value)
          .flat()
          .some((one) => judgeString(one, {}) !== undefined)
      ) {
        return { message: "must be a table of strings" };
      }
  }
  return undefined;
}

function judgeString(value: TomlValue, setting: Pick<SettingSpec, "oneOf" | "multiline">): Wrong | undefined {
  if (typeof value !== "string") return { message: "must be a string" };
  if (value === "") return { message: "is empty" };
  const line = setting.multiline === true ? value.replace(/[\t\r\n]/g, " ") : value;
  if (hasControlCharacter(line)) return { message: "holds a control character" };
  if (setting.oneOf !== undefined && !setting.oneOf.includes(value)) {
    return { message: `must be one of ${setting.oneOf.join(", ")}`, hint: didYouMean(value, setting.oneOf) };
  }
  return undefined;
}

function judgeInteger(
  value: TomlValue,
  { minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: SettingSpec,
): Wrong | undefined {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) return { message: "must be a whole number" };
  return value < minimum || value > maximum
    ? { message: `must be between ${minimum} and ${maximum}, not ${value}` }
    : undefined;
}

function judgePath(value: TomlValue, platform: NodeJS.Platform): Wrong | undefined {
  const wrong = judgeString(value, {});
  if (wrong !== undefined) return wrong;
  if (isAbsolute(String(value), platform) || String(value).startsWith("~/")) return undefined;
  return { message: "must be an absolute path or start with ~/", hint: "nothing is read from the current directory" };
}

function judgeUrl(value: TomlValue): Wrong | undefined {
  const wrong = judgeString(value, {});
  if (wrong !== undefined) return wrong;
  try {
    const url = new URL(String(value));
    const { protocol, username, password } = url;
    if (username !== "" || password !== "") return { message: "must not hold a user name or password" };
    if (protocol === "https:" || (protocol === "http:" && isLoopbackUrl(url))) return undefined;
  } catch {
    return { message: "is not a URL" };
  }
  return { message: "must start with https:// (plain http only to loopback)" };
}

function judgeArgv(value: TomlValue): Wrong | undefined {
  const good =
    Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string" && !one.includes("\0"));
  if (!good || value[0] === "")
    return { message: 'must be a list of strings: ["program", "argument", …]', hint: "no shell is involved" };
  return undefined;
}

function judgeStrings(value: TomlValue, { maximum }: SettingSpec): Wrong | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.some((one) => judgeString(one, {}) !== undefined)) {
    return { message: "must be a list of strings" };
  }
  return maximum !== undefined && value.length > maximum
    ? { message: `holds ${value.length} entries, and at most ${maximum} are allowed` }
    : undefined;
}

function judgeSecret(value: TomlValue, platform: NodeJS.Platform): Wrong | undefined {
  if (typeof value === "string")
    return { message: "is written into the file, where backups and colleagues read it", hint: `use ${SECRET_FORMS}` };
  const hint = `use ${SECRET_FORMS}`;
  if (!isTable(value)) return { message: "must say where the secret is", hint };
  const places = Object.keys(value).filter((key) => (SECRET_PLACES as readonly string[]).includes(key));
  const other = Object.keys(value).find((key) => !["pass_env", ...SECRET_PLACES].includes(key));
  if (other !== undefined) return { message: `has the unknown key "${printable(other, 60)}"`, hint };
  const [place] = places;
  if (place === undefined || places.length > 1) return { message: "must name exactly one place", hint };
  const stated = value[place] as TomlValue;
  if (value.pass_env !== undefined) {
    const wrong =
      place === "command" ? judgeStrings(value.pass_env, { type: "strings", summary: "" }) : { message: "" };
    if (wrong !== undefined) return { message: "has a pass_env that is not a list of names beside a command" };
  }
  const wrong =
    place === "command" ? judgeArgv(stated) : place === "file" ? judgePath(stated, platform) : judgeString(stated, {});
  return wrong === undefined ? undefined : { ...wrong, message: `has a ${place} that ${wrong.message}` };
}
