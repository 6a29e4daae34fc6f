import { printable } from "../core/printable.ts";
import { Secret } from "../core/secret.ts";
import type { TerminalSession } from "../host/host.ts";
import type { Look } from "../ui/look.ts";
import { type Conversation, givenUp, printableCode, type Setting, shownAddress } from "./conversation.ts";

const LABEL = 200;
const LINE = 400;

/** A screen that is redrawn in place. */
export async function converseOnScreen(setting: Setting, terminal: TerminalSession, look: Look): Promise<Conversation> {
  const { host, title } = setting;
  const { openLoginScreen } = await import("../ui/main.tsx");
  const screen = openLoginScreen(printable(title, LABEL), { terminal, clock: host.clock, look });
  const answer = (given: string | undefined): string => {
    if (given === undefined) throw givenUp(setting);
    return given;
  };
  let unopened: string | undefined;
  const goOn = (): void => {
    screen.code(undefined);
    if (unopened !== undefined) screen.print(`Open this page in your browser:\n\n${unopened}\n\n`);
    unopened = undefined;
  };
  return {
    progress(line) {
      goOn();
      screen.progress(printable(line, LINE));
    },
    async openPage(url, start = url) {
      goOn();
      const shown = shownAddress(url);
      const opened = await host.browser.open(shownAddress(start));
      if (opened) screen.print(`Your browser was asked to open\n\n${shown}\n\n`);
      // A code may take its place, and the page would lead nowhere then.
      else unopened = shown;
      return opened ? "opened" : "shown";
    },
    showCode(code) {
      unopened = undefined;
      screen.progress("waiting until the code is entered");
      screen.code(printableCode(code, printable));
    },
    async ask({ label, secret }) {
      goOn();
      return new Secret(answer(await screen.ask(printable(label, LABEL), secret)));
    },
    async choose(heading, choices) {
      goOn();
      const shown = choices.map(({ value, label, also }) => ({
        value,
        label: columns(label),
        also: printable(also ?? "", LABEL),
      }));
      return answer(await screen.choose(printable(heading, LABEL), shown));
    },
    show(text) {
      goOn();
      screen.print(text);
    },
    async confirm(question) {
      goOn();
      // Who gives the question up has not said yes.
      const given = await screen.ask(`${printable(question, LABEL)} [y/N]`, false);
      return /^y(es)?$/i.test(given?.trim() ?? "");
    },
    end(ok, lines) {
      screen.end(
        ok,
        lines.map((line) => line.trimEnd()),
      );
      terminal.close();
    },
  };
}

/** Printable, with the blanks that line columns up. */
function columns(label: string): string {
  return label
    .split(/( {2,})/)
    .map((part, index) => (index % 2 === 1 ? part : printable(part, LABEL)))
    .join("");
}
