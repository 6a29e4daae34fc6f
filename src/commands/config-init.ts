import { readConfiguration } from "../config/files.ts";
import { userFile } from "../config/paths.ts";
import { problemError } from "../config/problem.ts";
import { isAbsolute } from "../core/absolute-path.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Host } from "../host/host.ts";
import type { Given } from "../setup/ask.ts";
import { type Answers, type Plan, planSetup } from "../setup/plan.ts";
import { shownPlan } from "../setup/shown.ts";
import { gather, type Setup } from "../setup/wizard.ts";
import { writePlan } from "../setup/write.ts";
import type { CommandModule, Parsed } from "./command.ts";
import { atAws } from "./config-init-aws.ts";
import type { Conversation } from "./conversation.ts";
import { withPlanned } from "./planned-files.ts";

const COMMAND = "sts-broker config init";

export const run: CommandModule["run"] = async (host, parsed) => {
  const { yes, plain } = parsed.options;
  const configFile = userFile(host);
  if (configFile === undefined)
    throw new BrokerError("CONFIG_INVALID", "this user has no home directory", { hint: "STS_BROKER_CONFIG=/path" });
  if (!isAbsolute(configFile, host.system.platform))
    throw new BrokerError(
      "CONFIG_INVALID",
      `STS_BROKER_CONFIG must be an absolute path, not ${printable(configFile, 80)}`,
    );
  const conversation = yes === true ? undefined : await openConversation(host, plain === true);
  let outcome: Outcome;
  try {
    outcome = await setUp(host, parsed, conversation, configFile);
  } catch (error) {
    const isGivenUp = error instanceof BrokerError && error.code === "LOGIN_REQUIRED";
    conversation?.end(false, [isGivenUp ? "nothing was set up" : "the setup failed"]);
    if (isGivenUp) throw new BrokerError("USAGE", "given up, nothing was written", { hint: COMMAND });
    throw error;
  }
  conversation?.end(true, outcome.lines);
  for (const warning of outcome.warnings ?? []) host.log.warn(warning);
  if (outcome.out !== undefined) host.streams.writeOut(outcome.out);
  return EXIT.done;
};

interface Outcome {
  /** The last words to the person. */
  readonly lines: readonly string[];
  readonly warnings?: readonly string[];
  /** For stdout. */
  readonly out?: string;
}

async function setUp(
  host: Host,
  parsed: Parsed,
  conversation: Conversation | undefined,
  configFile: string,
): Promise<Outcome> {
  const setup = await gatherSetup(host, given(parsed), conversation, configFile);
  const { options } = parsed;
  const { answers } = setup;
  const plan = await planSetup(host, configFile, answers);
  refuseReplacing(host, configFile, answers);
  await check(host, plan, answers);
  const notes = commented([...setup.notes, ...plan.notes]);
  if (plan.changes.length === 0 && answers.keychainItem === undefined) {
    const out = `# nothing to change in ${configFile} and ~/.aws/config\n${notes}`;
    return { lines: ["everything is there already"], out };
  }
  const shown = `${shownPlan(plan)}${notes}`;
  if (options["dry-run"] === true) return { lines: ["nothing was written (--dry-run)"], out: shown };
  if (options.yes === true) host.streams.writeOut(shown);
  else if (!(await agreed(conversation, shown))) return { lines: ["nothing was written"] };
  await keepSecret(host, answers);
  const written = await writePlan(host, plan);
  conversation?.progress("asking what AWS has to know");
  const { text, warnings } = await atAws(host, setup);
  return {
    lines: [`profile ${answers.profile.name} is set up`, ...written.map((file) => `wrote ${file}`)],
    warnings,
    out: `${conversation === undefined ? commented([`wrote ${written.join(", ")}`]) : ""}${text}`,
  };
}

function given({ options }: Parsed): Given {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
}

/** Undefined where there is nobody: then every answer has to be an option. */
async function openConversation(host: Host, wantsPlain: boolean): Promise<Conversation | undefined> {
  const terminal = await host.terminal.open();
  if (terminal === undefined) return undefined;
  const setting = { host, title: "A new profile", again: COMMAND };
  const { hasRoom, isPlain, lookOf } = await import("./terminal-look.ts");
  if (wantsPlain || isPlain(host) || !hasRoom(terminal))
    return (await import("./conversation-plain.ts")).converseInLines(setting, terminal);
  return (await import("./conversation-screen.ts")).converseOnScreen(setting, terminal, lookOf(host));
}

async function gatherSetup(
  host: Host,
  stated: Given,
  conversation: Conversation | undefined,
  configFile: string,
): Promise<Setup> {
  const { IDENTITY_SOURCES } = await import("../identity/registry.ts");
  return gather(stated, conversation, {
    host,
    directory: configFile.slice(0, configFile.lastIndexOf("/")),
    kinds: IDENTITY_SOURCES.map(({ kind }) => kind),
    signal: new AbortController().signal,
  });
}

/** A table of the user's replaces the machine's of the same name whole. @throws BrokerError CONFIG_INVALID */
function refuseReplacing(host: Host, configFile: string, { identity, profile }: Answers): void {
  const empty = { path: configFile, target: configFile, before: undefined, after: new Uint8Array() };
  const { identities, profiles } = readConfiguration(
    withPlanned(host, { changes: [{ ...empty, shown: "name" }], notes: [] }),
  );
  for (const [option, { name }, tables] of [
    ["identity", identity, identities],
    ["profile", profile, profiles],
  ] as const) {
    const there = tables.get(name);
    if (there === undefined) continue;
    throw new BrokerError(
      "CONFIG_INVALID",
      `${there.file} has a [${option}.${name}] already, which yours would replace`,
      {
        hint: `--${option} with another name`,
      },
    );
  }
}

/** As `config check` will judge the files once they are written. @throws BrokerError CONFIG_INVALID for what would be wrong with ours */
async function check(host: Host, plan: Plan, { identity, profile }: Answers): Promise<void> {
  const planned = withPlanned(host, plan);
  const { configurationProblems } = await import("../doctor/configuration-problems.ts");
  const problems = configurationProblems(planned, readConfiguration(planned));
  const wrong = problems.find(
    ({ path: [group, name] }) =>
      (group === "identity" && name === identity.name) || (group === "profile" && name === profile.name),
  );
  if (wrong !== undefined) throw await problemError(wrong, planned);
}

async function agreed(conversation: Conversation | undefined, shown: string): Promise<boolean> {
  if (conversation === undefined)
    throw new BrokerError("USAGE", "there is no terminal to ask on whether to write this", {
      hint: "--yes writes it, --dry-run shows it",
    });
  conversation.show(shown);
  return conversation.confirm("Write this?");
}

/** Before the configuration names it. @throws BrokerError SECRET_UNAVAILABLE */
async function keepSecret(host: Host, { keychainItem }: Answers): Promise<void> {
  if (keychainItem === undefined) return;
  const kept = await host.keychain.set("sts-broker", keychainItem.account, keychainItem.value);
  if (!kept.ok)
    throw new BrokerError("SECRET_UNAVAILABLE", `the keychain did not take the secret: ${kept.problem.detail}`, {
      hint: "a file takes it as well: choose that one",
    });
}

function commented(lines: readonly string[]): string {
  return lines.map((line) => `# ${printable(line, 1000)}\n`).join("");
}
