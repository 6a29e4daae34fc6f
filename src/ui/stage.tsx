import { Box, type Instance, render, Text, useStdout } from "ink";
import type { ReactNode } from "react";
import type { TerminalSession } from "../host/host.ts";
import { type Look, type Tone, toned } from "./look.ts";

/** Where a screen is shown: the lower end of the terminal, redrawn in place; what is above it stays. */
export interface Stage {
  show(view: ReactNode): void;
  /** Above the view, once, as it is: the terminal wraps it, so that a long address can be copied whole. */
  print(text: string): void;
  /** Takes the view away and leaves this in its place. */
  end(text: string): void;
}

export function openStage(terminal: TerminalSession): Stage {
  const stream = streamOf(terminal);
  const silent = { isTTY: false, on() {}, off() {}, write: () => true };
  let write: ((text: string) => void) | undefined;
  let instance: Instance | undefined;
  const show = (view: ReactNode): void => {
    const framed = (
      <Frame
        writer={(one) => {
          write = one;
        }}
      >
        {view}
      </Frame>
    );
    if (instance !== undefined) return instance.rerender(framed);
    // Only what is rendered first is drawn at once; for changes ink takes its time.
    instance = render(framed, {
      stdout: stream as unknown as NodeJS.WriteStream,
      stderr: silent as unknown as NodeJS.WriteStream,
      stdin: silent as unknown as NodeJS.ReadStream,
      exitOnCtrlC: false,
      patchConsole: false,
    });
  };
  return {
    show,
    print: (text) => write?.(text),
    end(text) {
      show(null);
      // ink puts the former view behind it once more before it goes, and takes away every line that one stands on.
      write?.(text.endsWith("\n") ? text : `${text}\n`);
      instance?.unmount();
      instance?.cleanup();
    },
  };
}

/** As much of a tty.WriteStream as ink asks for. */
function streamOf(terminal: TerminalSession): object {
  const endings = new Map<() => void, () => void>();
  return {
    isTTY: true,
    get columns() {
      return terminal.size().columns;
    },
    get rows() {
      return terminal.size().rows;
    },
    write(text: string, ...rest: readonly unknown[]) {
      terminal.write(text);
      const done = rest.at(-1);
      if (typeof done === "function") done();
      return true;
    },
    on: (_: "resize", listener: () => void) => void endings.set(listener, terminal.onResize(listener)),
    off: (_: "resize", listener: () => void) => endings.get(listener)?.(),
  };
}

function Frame({ children, writer }: { children: ReactNode; writer(write: (text: string) => void): void }): ReactNode {
  writer(useStdout().write);
  return <Box flexDirection="column">{children}</Box>;
}

interface ToneProps {
  readonly look: Look;
  readonly tone: Tone;
  readonly wrap?: "wrap" | "truncate-end";
  readonly children: string;
}

/** Text in a tone. ink's own colours follow stdout, which is not where this is shown. */
export function Toned({ look, tone, wrap = "wrap", children }: ToneProps): ReactNode {
  return <Text wrap={wrap}>{toned(children, tone, look)}</Text>;
}
