import { edited, type Key } from "../core/key.ts";
import type { Clock, TerminalSession } from "../host/host.ts";
import type { PickerChoice } from "./choices.ts";
import { type LoginState, LoginView, listRoom, type ShownCode } from "./login-view.tsx";
import { type Look, signsOf, toned } from "./look.ts";
import { moved, openPicker } from "./picker.ts";
import { openStage } from "./stage.tsx";

export interface ScreenContext {
  readonly terminal: TerminalSession;
  readonly clock: Pick<Clock, "nowMs" | "sleep">;
  readonly look: Look;
}

/** A login as it is seen. Texts must be printable; answers are plain, undefined where the person gave up. */
export interface LoginScreen {
  progress(line: string): void;
  /** Stays above everything that follows. */
  print(text: string): void;
  code(code: ShownCode | undefined): void;
  ask(label: string, secret: boolean): Promise<string | undefined>;
  choose(title: string, choices: readonly PickerChoice[]): Promise<string | undefined>;
  /** What stays on the terminal; nothing may be called after it. */
  end(ok: boolean, lines: readonly string[]): void;
}

const BEAT_MS = 120;

export function openLoginScreen(title: string, { terminal, clock, look }: ScreenContext): LoginScreen {
  const stage = openStage(terminal);
  const ended = new AbortController();
  let state: LoginState = {
    title,
    progress: "",
    code: undefined,
    question: undefined,
    picking: undefined,
  };
  let beat = 0;
  let onKey: ((key: Key) => void) | undefined;

  const draw = (): void => {
    stage.show(<LoginView state={state} look={look} nowMs={clock.nowMs()} beat={beat} {...terminal.size()} />);
  };
  const set = (change: Partial<LoginState>): void => {
    state = { ...state, ...change };
    draw();
  };
  const stopResizing = terminal.onResize(draw);
  // Taken from the first moment on, so that what is typed too early is not echoed into the screen.
  const stopKeys = terminal.readKeys((key) => onKey?.(key));
  draw();
  void (async () => {
    while (!ended.signal.aborted) {
      await clock.sleep(BEAT_MS, ended.signal);
      if (ended.signal.aborted) return;
      beat += 1;
      // A question stands still.
      if (state.code !== undefined || (state.question === undefined && state.picking === undefined)) draw();
    }
  })();

  /** Every key goes to the question until it has its answer. */
  const answered = <T,>(take: (key: Key, answer: (value: T | undefined) => void) => void): Promise<T | undefined> =>
    new Promise((resolve) => {
      onKey = (key) =>
        take(key, (value) => {
          onKey = undefined;
          set({ question: undefined, picking: undefined });
          resolve(value);
        });
    });

  return {
    progress: (line) => set({ progress: line }),
    print: stage.print,
    code: (code) => set({ code }),
    ask(label, secret) {
      let line = "";
      set({ question: { label, secret, line } });
      return answered((key, answer) => {
        if (key.name === "enter") return answer(line);
        if (key.name === "escape" || (key.name === "end-of-input" && line === "")) return answer(undefined);
        line = edited(line, key);
        if (!secret) set({ question: { label, secret, line } });
      });
    },
    choose(title, choices) {
      let picker = openPicker(choices);
      const show = (): void => set({ picking: { title, total: choices.length, picker } });
      show();
      return answered((key, answer) => {
        const found = picker.found[picker.chosen];
        if (key.name === "enter") return found === undefined ? undefined : answer(found.value);
        if (key.name === "escape" || key.name === "end-of-input") return answer(undefined);
        picker = moved(picker, key, choices, listRoom({ title, ...terminal.size() }));
        show();
      });
    },
    end(ok, lines) {
      const [first = "", ...rest] = lines;
      const sign = ok ? signsOf(look).done : signsOf(look).failed;
      ended.abort();
      stopKeys();
      stopResizing();
      stage.end([toned(`${sign} ${first}`, ok ? "green" : "red", look), ...rest].join("\n"));
    },
  };
}
