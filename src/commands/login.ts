import { accountAliases } from "../config/account-aliases.ts";
import { readConfiguration } from "../config/files.ts";
import type { Resolved } from "../config/resolve.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import { loginCommand } from "../core/login-command.ts";
import type { Host } from "../host/host.ts";
import type { Presenter } from "../identity/presenter.ts";
import type { CommandModule } from "./command.ts";
import type { Conversation, Setting } from "./conversation.ts";
import { hostOf, outcomeLines } from "./login-outcome.ts";
import { profileOf } from "./profile-options.ts";
import { namedRoles } from "./role-names.ts";
import type { ChosenRole } from "./save-role.ts";
import { hasRoom, isPlain, lookOf } from "./terminal-look.ts";

/** A person asked for it, so it logs in anew even where valid credentials are kept. */
export const run: CommandModule["run"] = async (host, parsed) => {
  const resolved = await profileOf(host, parsed);
  const aliases = await accountAliases(readConfiguration(host), host);
  const conversation = await openConversation(host, resolved, parsed.options.plain === true);
  let askedPerson = false;
  let chosen: ChosenRole | undefined;
  const asking = <T>(work: Promise<T>): Promise<T> => {
    askedPerson = true;
    return work;
  };
  const presenter: Presenter = {
    progress: (line) => conversation.progress(line),
    openPage: (url, start) => asking(conversation.openPage(url, start)),
    showCode(code) {
      askedPerson = true;
      conversation.showCode(code);
    },
    ask: (question) => asking(conversation.ask(question)),
    async choose(title, choices) {
      const value = await conversation.choose(title, namedRoles(choices, aliases));
      chosen = await toSave(host, resolved, conversation, value, choices);
      return value;
    },
  };
  try {
    const { login } = await import("../broker/login.ts");
    const outcome = await login(host, resolved, presenter, new AbortController().signal);
    const saved = chosen === undefined ? undefined : await save(host, parsed, resolved, chosen);
    if (outcome.store === undefined && !outcome.refreshToken.kept && resolved.profile.store !== "none")
      throw new BrokerError(
        "STORE_UNUSABLE",
        `the login came to nothing, since no store took it: ${outcome.storeProblem}`,
      );
    conversation.end(true, outcomeLines({ outcome, aliases, nowMs: host.clock.nowMs(), askedPerson, saved }));
    return EXIT.done;
  } catch (error) {
    conversation.end(false, ["The login failed"]);
    throw error;
  }
};

async function openConversation(host: Host, { profile }: Resolved, wantsPlain: boolean): Promise<Conversation> {
  const { name, identity } = profile;
  const stated = [identity.settings.issuer, identity.settings.url].find((one) => typeof one === "string");
  const at = hostOf(stated ?? identity.name);
  const setting: Setting = { host, title: `Login for profile ${name} at ${at}`, again: loginCommand(name) };
  const terminal = await host.terminal.open();
  if (terminal === undefined || wantsPlain || isPlain(host) || !hasRoom(terminal)) {
    const { converseInLines } = await import("./conversation-plain.ts");
    return converseInLines(setting, terminal);
  }
  const { converseOnScreen } = await import("./conversation-screen.ts");
  return converseOnScreen(setting, terminal, lookOf(host));
}

/** Asked while it is on the person's mind; written when the login has shown that the role can be had. */
async function toSave(
  host: Host,
  resolved: Resolved,
  conversation: Conversation,
  value: string,
  choices: readonly { readonly value: string }[],
): Promise<ChosenRole | undefined> {
  const [role = "", provider] = value.split(" ");
  if (!role.startsWith("arn:")) return undefined;
  const { cannotSave } = await import("./save-role.ts");
  const why = cannotSave(host, resolved);
  if (why !== undefined) {
    conversation.progress(`to choose it for good, add role_arn to the profile (${why})`);
    return undefined;
  }
  if (!(await conversation.confirm(`Always use this role in profile ${resolved.profile.name}?`))) return undefined;
  const through = choices.filter((choice) => choice.value.split(" ")[0] === role).length;
  return { role_arn: role, ...(through > 1 && provider !== undefined ? { principal_arn: provider } : {}) };
}

async function save(
  host: Host,
  parsed: Parameters<CommandModule["run"]>[1],
  resolved: Resolved,
  chosen: ChosenRole,
): Promise<string> {
  const { saveRole } = await import("./save-role.ts");
  const { saved, said } = await saveRole(host, resolved, chosen);
  if (saved) {
    const { adoptCredentials } = await import("../broker/adopt.ts");
    await adoptCredentials(host, resolved.profile, (await profileOf(host, parsed)).profile);
  }
  return said;
}
