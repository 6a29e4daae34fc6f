import { posixQuote } from "../../core/posix-quote.ts";
import { printable } from "../../core/printable.ts";
import type { Host } from "../../host/host.ts";
import { type AwsProfile, awsFiles, wordsOf } from "../aws-files.ts";
import type { Check, DoctorContext } from "../check.ts";
import { type Finding, failed, ok, skipped, warning } from "../finding.ts";

const OURS = /(^|[\\/])sts-broker(\.exe|\.cmd|\.cjs)?$/i;
/** What stands above every profile for an AWS tool. */
const SHADOWING = ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"];

/** Whether AWS tools find their way here: credential_process in ~/.aws/config, and what stands before it. */
export const awsConfig: Check = {
  id: "aws-config",
  title: "AWS tools",
  async run(context) {
    const { host } = context;
    const { config, credentials } = awsFiles(host);
    const wired = (config.profiles ?? []).flatMap((profile) => {
      const words = wordsOf(profile.settings.get("credential_process") ?? "");
      const at = words.findIndex((word) => OURS.test(word));
      return at < 0 ? [] : [{ profile, words, at }];
    });
    const lines = wired.map(({ profile, words, at }) => wiring(profile, words, at, context));
    const shadows = wired.flatMap(({ profile }) => shadowed(profile, credentials.profiles ?? [], credentials.path));
    const found = [
      ...lines,
      ...shadows,
      ...environment(
        wired.map(({ profile }) => profile.name),
        config.profiles,
        host,
      ),
    ];
    if (lines.length > 0) return found;
    const [first = "NAME"] = context.profiles.map(({ profile }) => profile.name);
    const name = printable(first, 80);
    const hint = `[profile ${name}] credential_process = sts-broker credential-process --profile ${posixQuote(name)}, in ${printable(config.path)}`;
    return [skipped(`no profile of ${printable(config.path)} names sts-broker`, {}, hint), ...found];
  },
};

/** What is wrong with a line of credential_process, or that it is in order. */
function wiring(
  { name }: AwsProfile,
  words: readonly string[],
  at: number,
  { host, configuration }: DoctorContext,
): Finding {
  const who = `[profile ${printable(name, 80)}]`;
  const program = words[0] ?? "";
  const problem = programProblem(program, host);
  if (problem !== undefined)
    return failed(`${who}: ${problem}`, "credential_process = /full/path/of/sts-broker …: command -v sts-broker");
  const rest = words.slice(at + 1);
  if (!rest.includes("credential-process"))
    return failed(
      `${who}: credential_process runs "sts-broker ${printable(rest[0], 60)}", which does not speak to AWS tools`,
      "credential_process = sts-broker credential-process --profile NAME",
    );
  if (configuration === undefined) return skipped(`${who} runs sts-broker; which profiles there are is not known`);
  const named = profileArgument(rest) ?? (host.env.STS_BROKER_PROFILE || undefined);
  const names = [...configuration.profiles.keys()];
  if (named === undefined && names.length > 1)
    return failed(
      `${who} names none of ${names.length} sts-broker profiles`,
      "add --profile NAME to its credential_process",
    );
  if (named !== undefined && !configuration.profiles.has(named))
    return failed(
      `${who} asks for the sts-broker profile "${printable(named, 80)}", which is not configured`,
      `--profile ${posixQuote(printable(names[0] ?? "NAME", 80))} in its credential_process, or add [profile.${printable(named, 80)}] to config.toml`,
    );
  return ok(`${who} gets its credentials from the sts-broker profile ${printable(named ?? names[0], 80)}`);
}

/** AWS tools are started anywhere, and read no relative path as we would. */
function programProblem(program: string, host: Host): string | undefined {
  const shown = printable(program, 200);
  if (host.system.platform === "win32") return undefined;
  if (program.startsWith("~") || program.includes("$"))
    return `credential_process names ${shown}, and some AWS tools replace neither ~ nor variables`;
  if (program.startsWith("/"))
    return isThere(program, host) ? undefined : `credential_process names ${shown}, which is not there`;
  if (program.includes("/")) return `credential_process names the relative path ${shown}`;
  const found = (host.env.PATH ?? "")
    .split(":")
    .some((folder) => folder.startsWith("/") && isThere(`${folder}/${program}`, host));
  return found ? undefined : `credential_process names ${shown}, which is not on this PATH`;
}

function isThere(path: string, { files }: Host): boolean {
  try {
    return files.stat(path)?.isFile === true;
  } catch {
    return false;
  }
}

function profileArgument(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => word === "--profile" || word === "-p");
  if (at >= 0) return words[at + 1];
  return words.find((word) => word.startsWith("--profile="))?.slice("--profile=".length);
}

/** @see aws-cli#5109: keys of the same name come first, and nobody says so */
function shadowed({ name, settings }: AwsProfile, credentials: readonly AwsProfile[], file: string): Finding[] {
  const shown = printable(name, 80);
  const same = credentials.find((one) => one.name === name);
  const lines: Finding[] = [];
  if (same?.settings.has("aws_access_key_id") === true)
    lines.push(
      failed(
        `long-lived keys of [${shown}] in ${printable(file)} shadow its credential_process: sts-broker is never asked`,
        `remove the section [${shown}] from ${printable(file)}, and deactivate the key: aws iam update-access-key --status Inactive`,
      ),
    );
  if (settings.has("aws_access_key_id"))
    lines.push(
      warning(
        `[profile ${shown}] has keys beside its credential_process, and AWS tools do not agree on which comes first`,
        `remove aws_access_key_id and aws_secret_access_key from [profile ${shown}]`,
      ),
    );
  return lines;
}

function environment(wired: readonly string[], profiles: readonly AwsProfile[] | undefined, { env }: Host): Finding[] {
  const lines = SHADOWING.filter((name) => (env[name] ?? "") !== "").map((name) =>
    warning(
      `${name} is set, which stands above every profile of ~/.aws/config`,
      `unset ${name}${name === "AWS_ACCESS_KEY_ID" ? " AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN" : ""}`,
    ),
  );
  const chosen = env.AWS_PROFILE || env.AWS_DEFAULT_PROFILE;
  if (chosen === undefined) return lines;
  const shown = printable(chosen, 80);
  if (profiles?.some(({ name }) => name === chosen) !== true)
    lines.push(warning(`AWS_PROFILE is ${shown}, which ~/.aws/config does not have`, "unset AWS_PROFILE"));
  else if (wired.length > 0 && !wired.includes(chosen))
    lines.push(
      warning(
        `AWS_PROFILE is ${shown}, which does not use sts-broker`,
        `export AWS_PROFILE=${posixQuote(printable(wired[0], 80))}`,
      ),
    );
  return lines;
}
