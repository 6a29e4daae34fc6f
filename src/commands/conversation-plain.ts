import { BrokerError } from "../core/errors.ts";
import { edited, type Key } from "../core/key.ts";
import { matching } from "../core/matching.ts";
import { printable } from "../core/printable.ts";
import { Secret } from "../core/secret.ts";
import { spoken } from "../core/time.ts";
import type { TerminalSession } from "../host/host.ts";
import {
  type Conversation,
  givenUp,
  type NamedChoice,
  printableCode,
  type Setting,
  shownAddress,
} from "./conversation.ts";

const LABEL = 200;
const LINE = 400;
const MINUTE_MS = 60_000;
/** More than a person reads, or has read to them, before they narrow the list. */
const LISTED = 20;

/**
 * Line after line, nothing drawn and nothing redrawn: for screen readers, dumb terminals and logs. Without a terminal the lines go to stderr,
 * and what would have to be asked is an error that says so.
 */
export function converseInLines(setting: Setting, terminal: TerminalSession | undefined): Conversation {
  const { host, title, again } = setting;
  const say = (line: string): void => {
    if (terminal === undefined) host.streams.writeErr(`${line}\n`);
    else terminal.write(`${line}\n`);
  };
  let counting = new AbortController();
  let last = "";
  let unopened: string | undefined;
  const goOn = (): void => {
    counting.abort();
    counting = new AbortController();
    if (unopened !== undefined) showPage("Open this page in your browser:", unopened);
    unopened = undefined;
  };
  const showPage = (line: string, url: string): void => {
    say(line);
    say(url);
  };
  const tryToRead = async (prompt: string, secret: boolean): Promise<string | undefined> => {
    goOn();
    if (terminal === undefined)
      throw new BrokerError("LOGIN_REQUIRED", `there is no terminal to ask on: ${prompt}`, { hint: again });
    return readLine(terminal, prompt, secret);
  };
  const read = async (prompt: string, secret: boolean): Promise<string> => {
    const line = await tryToRead(prompt, secret);
    if (line === undefined) throw givenUp(setting);
    return line;
  };
  say(printable(title, LABEL));

  return {
    progress(line) {
      goOn();
      const shown = printable(line, LINE);
      if (shown !== last) say(shown);
      last = shown;
    },
    async openPage(url, start = url) {
      goOn();
      const shown = shownAddress(url);
      const opened = await host.browser.open(shownAddress(start));
      if (opened) showPage("Your browser was asked to open this page:", shown);
      // A code may take its place, and the page would lead nowhere then.
      else unopened = shown;
      return opened ? "opened" : "shown";
    },
    showCode(code) {
      unopened = undefined;
      goOn();
      const { userCode, verificationUrl, expiresAtMs } = printableCode(code, printable);
      say(`On any device, open ${verificationUrl}`);
      say(`and enter the code ${userCode}`);
      void countDown(host.clock, expiresAtMs, say, counting.signal);
    },
    ask: async ({ label, secret }) =>
      new Secret(await read(`${printable(label, LABEL)}${secret ? " (not shown)" : ""}: `, secret)),
    show(text) {
      goOn();
      for (const line of text.trimEnd().split("\n")) say(line);
    },
    async confirm(question) {
      // Who gives the question up has not said yes.
      const given = await tryToRead(`${printable(question, LABEL)} [y/N] `, false);
      return /^y(es)?$/i.test(given?.trim() ?? "");
    },
    choose: (heading, choices) => {
      goOn();
      if (terminal === undefined) throw cannotChoose(heading, choices);
      return chooseByNumber(printable(heading, LABEL), choices, say, (prompt) => read(prompt, false));
    },
    end(ok, lines) {
      goOn();
      if (ok) for (const line of lines) say(line);
      terminal?.close();
    },
  };
}

async function countDown(
  clock: Setting["host"]["clock"],
  expiresAtMs: number,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const leftMs = expiresAtMs - clock.nowMs();
    if (leftMs <= 0) return say("The code has expired.");
    say(`The code is valid for ${spoken(leftMs)}.`);
    await clock.sleep(leftMs > MINUTE_MS ? Math.min(MINUTE_MS, leftMs - MINUTE_MS) : leftMs, signal);
  }
}

async function chooseByNumber(
  heading: string,
  choices: readonly NamedChoice[],
  say: (line: string) => void,
  read: (prompt: string) => Promise<string>,
): Promise<string> {
  let found = choices;
  for (;;) {
    say(`${heading} ${found.length} of ${choices.length}:`);
    for (const [index, { label }] of found.slice(0, LISTED).entries()) say(`${index + 1}) ${printable(label, LABEL)}`);
    if (found.length > LISTED) say(`and ${found.length - LISTED} more`);
    const given = (await read("Number, or text to narrow the list: ")).trim();
    const picked = /^\d{1,3}$/.test(given) ? found.slice(0, LISTED)[Number(given) - 1] : undefined;
    if (picked !== undefined) return picked.value;
    const narrowed = matching(choices, given);
    if (narrowed.length === 0) say(`nothing fits "${printable(given, 60)}"`);
    else found = narrowed;
  }
}

function cannotChoose(heading: string, choices: readonly NamedChoice[]): BrokerError {
  const shown = choices.slice(0, LISTED).map(({ label }) => printable(label, LABEL));
  const more = choices.length > LISTED ? ` and ${choices.length - LISTED} more` : "";
  const [first = ""] = (choices[0]?.value ?? "").split(" ");
  return new BrokerError(
    "CONFIG_INVALID",
    `there is no terminal to choose on: ${printable(heading, LABEL)} ${shown.join(", ")}${more}`,
    { hint: `role_arn = "${first}" in the profile, or log in on a terminal` },
  );
}

/** @returns undefined where the person gave up (Ctrl-D, Esc) */
function readLine(terminal: TerminalSession, prompt: string, secret: boolean): Promise<string | undefined> {
  terminal.write(prompt);
  return new Promise((resolve) => {
    let line = "";
    const settle = (answer: string | undefined): void => {
      stop();
      terminal.write("\n");
      resolve(answer);
    };
    const stop = terminal.readKeys((key) => {
      if (key.name === "enter") return settle(line);
      if (key.name === "escape" || (key.name === "end-of-input" && line === "")) return settle(undefined);
      const next = edited(line, key);
      if (!secret) terminal.write(echo(line, next, key));
      line = next;
    });
  });
}

const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uFF01-\uFF60]/u;

function echo(line: string, next: string, key: Key): string {
  if (key.name === "text") return next.slice(line.length);
  const gone = line.slice(next.length).replace(/\p{M}/gu, "");
  return "\b \b".repeat([...gone].reduce((cells, one) => cells + (WIDE.test(one) ? 2 : 1), 0));
}
