import { printable } from "../core/printable.ts";
import { Secret } from "../core/secret.ts";
import type { TerminalSession } from "../host/host.ts";
import type { Look } from "../ui/look.ts";
import { type Conversation, givenUp, printableCode, type Setting, shownAddress } from "./conversation.ts";

const LABEL = 200;

/** A screen that is redrawn in place. */
export async function converseOnScreen(setting: Setting, terminal: TerminalSession, look: Look): Promise<Conversation> {
  const { host, title } = setting;
  const { openLoginScreen } = await import("../ui/main.tsx");
  const screen = openLoginScreen(printable(title, LABEL), { terminal, clock: host.clock, look });
  const answer = (given: string | undefined): string => {
    if (given === undefined) throw givenUp(setting);
    return given;
  };
  return {
    progress(line) {
      screen.code(undefined);
      screen.progress(printable(line, LABEL));
    },
    async openPage(url) {
      screen.code(undefined);
      const shown = shownAddress(url);
      const opened = await host.browser.open(shown);
      screen.print(`${opened ? "Your browser was asked to open" : "Open this page in your browser:"}\n\n${shown}\n\n`);
      return opened ? "opened" : "shown";
    },
    showCode(code) {
      screen.progress("waiting until the code is entered");
      screen.code(printableCode(code, printable));
    },
    async ask({ label, secret }) {
      screen.code(undefined);
      return new Secret(answer(await screen.ask(printable(label, LABEL), secret)));
    },
    async choose(heading, choices) {
      screen.code(undefined);
      const shown = choices.map(({ value, label, also }) => ({
        value,
        label: printable(label, LABEL),
        also: printable(also ?? "", LABEL),
      }));
      return answer(await screen.choose(printable(heading, LABEL), shown));
    },
    async confirm(question) {
      const given = answer(await screen.ask(`${printable(question, LABEL)} [y/N]`, false));
      return /^y(es)?$/i.test(given.trim());
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
