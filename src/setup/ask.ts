import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Presenter } from "../identity/presenter.ts";

/** What the command line said, by the options' names. */
export type Given = Readonly<Record<string, string | undefined>>;

/** The person, as far as a setup needs one. */
export type Asker = Pick<Presenter, "progress" | "ask" | "choose">;

export interface Asked {
  /** Without dashes. */
  readonly option: string;
  readonly label: string;
  readonly required: boolean;
  /** What an empty answer means. */
  readonly proposed?: string | undefined;
}

export interface Questions {
  /** @param wrong what is wrong with it, to be read behind the value; undefined where nothing is */
  text(asked: Asked, wrong: (text: string) => string | undefined): Promise<string | undefined>;
  /** @param parse throws BrokerError for what it does not take */
  parsed<T>(asked: Asked & { readonly required: true }, parse: (text: string) => T): Promise<T>;
}

/** A person who does not get it right in so many tries wants something else. */
const TRIES = 5;

/** An option's value where it is given, else the person's, else the proposal. @throws BrokerError USAGE naming the option */
export function openQuestions(given: Given, asker: Asker | undefined): Questions {
  async function one<T>(
    { option, label, required, proposed }: Asked,
    judge: (text: string) => { value: T } | { wrong: string },
  ): Promise<T | undefined> {
    const stated = given[option];
    if (stated !== undefined || asker === undefined) {
      const text = stated ?? proposed ?? "";
      if (text === "" && !required) return undefined;
      if (text === "") throw new BrokerError("USAGE", `--${option} is missing: ${within(label)}`);
      const judged = judge(text);
      if ("value" in judged) return judged.value;
      throw new BrokerError("USAGE", `--${option} ${judged.wrong}`);
    }
    let wrong = "";
    for (let left = TRIES; left > 0; left--) {
      const shown = proposed === undefined ? label : `${label} [${proposed}]`;
      const answer = await asker.ask({ label: wrong === "" ? shown : `${wrong}. ${shown}`, secret: false });
      const text = answer.reveal().trim() || (proposed ?? "");
      if (text === "" && !required) return undefined;
      if (text === "") {
        wrong = "This is needed";
        continue;
      }
      const judged = judge(text);
      if ("value" in judged) return judged.value;
      wrong = judged.wrong;
    }
    throw new BrokerError("USAGE", `${within(label)}: ${wrong}`, { hint: `--${option}` });
  }

  return {
    text: (asked, wrong) =>
      one(asked, (text) => {
        const why = wrong(text);
        return why === undefined ? { value: text } : { wrong: `"${printable(text, 80)}" ${why}` };
      }),
    async parsed(asked, parse) {
      const value = await one(asked, (text) => {
        try {
          return { value: parse(text) };
        } catch (error) {
          if (!(error instanceof BrokerError)) throw error;
          return { wrong: error.message };
        }
      });
      // Required, so that nothing was an error before.
      return value as NonNullable<typeof value>;
    },
  };
}

/** A label in the middle of a line. */
function within(label: string): string {
  return label.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
}
