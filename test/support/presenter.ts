/** A presenter for tests: it keeps what it was told, and does what the test says. */
import { Secret } from "../../src/core/secret.ts";
import type { Choice, DeviceCode, Presenter, Question } from "../../src/identity/presenter.ts";

export interface TestPresenter extends Presenter {
  readonly lines: string[];
  readonly pages: string[];
  readonly codes: DeviceCode[];
  readonly questions: Question[];
  readonly choices: (readonly Choice[])[];
}

export interface PresenterActions {
  /** What happens when a page is opened; "shown" when no browser can be. */
  readonly openPage?: (url: string, start: string | undefined) => "opened" | "shown" | Promise<"opened" | "shown">;
  readonly showCode?: (code: DeviceCode) => void;
  readonly answer?: (question: Question) => string;
  /** The chosen value. */
  readonly choose?: (choices: readonly Choice[]) => string;
}

export function testPresenter(actions: PresenterActions = {}): TestPresenter {
  const told = { lines: [], pages: [], codes: [], questions: [], choices: [] } as Pick<
    TestPresenter,
    "lines" | "pages" | "codes" | "questions" | "choices"
  >;
  return {
    ...told,
    progress: (line) => void told.lines.push(line),
    async openPage(url, start) {
      told.pages.push(url);
      return actions.openPage?.(url, start) ?? "opened";
    },
    showCode(code) {
      told.codes.push(code);
      actions.showCode?.(code);
    },
    async ask(question) {
      told.questions.push(question);
      if (actions.answer === undefined) throw new Error(`nobody expected to be asked for ${question.label}`);
      return new Secret(actions.answer(question));
    },
    async choose(_title, choices) {
      told.choices.push(choices);
      if (actions.choose === undefined) throw new Error("nobody expected to choose");
      return actions.choose(choices);
    },
  };
}
