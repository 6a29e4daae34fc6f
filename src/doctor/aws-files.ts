import type { Host } from "../host/host.ts";

/** A profile of ~/.aws/config or ~/.aws/credentials. */
export interface AwsProfile {
  readonly name: string;
  readonly settings: ReadonlyMap<string, string>;
}

export interface AwsFile {
  readonly path: string;
  /** Undefined where there is none, or it cannot be read. */
  readonly profiles: readonly AwsProfile[] | undefined;
}

type Where = Pick<Host, "env" | "files" | "system">;

/** Where AWS tools look, by their own variables. */
export function awsFiles(host: Where): { readonly config: AwsFile; readonly credentials: AwsFile } {
  return {
    config: awsFile("AWS_CONFIG_FILE", "config", host),
    credentials: awsFile("AWS_SHARED_CREDENTIALS_FILE", "credentials", host),
  };
}

function awsFile(variable: string, name: string, { env, files, system }: Where): AwsFile {
  const home = system.homeDir() ?? "";
  const path = (env[variable] || `~/.aws/${name}`).replace(/^~(?=\/)/, home);
  try {
    const bytes = files.read(path);
    return { path, profiles: bytes === undefined ? undefined : profilesIn(new TextDecoder().decode(bytes)) };
  } catch {
    return { path, profiles: undefined };
  }
}

/** [profile NAME] or [NAME]; nested settings (indented) belong to a service, and are passed over. */
function profilesIn(text: string): AwsProfile[] {
  const profiles: { name: string; settings: Map<string, string> }[] = [];
  let current: Map<string, string> | undefined;
  for (const line of text.split("\n")) {
    const [, heading] = /^\[\s*([^\]]+?)\s*\]/.exec(line) ?? [];
    if (heading !== undefined) {
      const [, kind, rest] = /^(profile|sso-session|services)\s+["']?(.+?)["']?$/.exec(heading) ?? [];
      current = new Map();
      if (kind === undefined || kind === "profile") profiles.push({ name: rest ?? heading, settings: current });
      continue;
    }
    const [, key, value] = /^([A-Za-z_][\w-]*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined) current?.set(key.toLowerCase(), value ?? "");
  }
  return profiles;
}

/** The words of credential_process, as botocore splits them on POSIX: blanks, quotes and backslashes; no variables. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/g))
    words.push(
      word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/g, (_, double?: string, single?: string, plain?: string) =>
        double !== undefined ? double.replace(/\\(["\\$`])/g, "$1") : (single ?? plain ?? ""),
      ),
    );
  return words;
}
