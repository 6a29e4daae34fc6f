import { Box, Text } from "ink";
import type { Key } from "../core/key.ts";
import type { ScreenContext } from "./login-screen.tsx";
import { type Look, signsOf } from "./look.ts";
import { openStage, Toned } from "./stage.tsx";

export interface StatusSource {
  /** Looks again. */
  read(): Promise<void>;
  /** What was read last, as it stands now, for lines of this width. */
  text(columns: number): string;
}

const TICK_MS = 1_000;
const READ_EVERY = 5;
/** The line on keys, and one to spare: a frame as high as the terminal would scroll. */
const AROUND = 3;

/** The state of all profiles, counted down each second and looked up every five, until the person has seen enough. */
export async function watchStatus(source: StatusSource, { terminal, clock, look }: ScreenContext): Promise<void> {
  const stage = openStage(terminal);
  const ended = new AbortController();
  let top = 0;
  const draw = (): void => {
    const { columns, rows } = terminal.size();
    const lines = source.text(columns).trimEnd().split("\n");
    const room = Math.max(1, rows - AROUND);
    top = Math.max(0, Math.min(top, lines.length - room));
    stage.show(<StatusView lines={lines.slice(top, top + room)} left={lines.length - top - room} look={look} />);
  };
  const stopResizing = terminal.onResize(draw);
  const stopKeys = terminal.readKeys((key) => {
    if (isEnd(key)) return ended.abort();
    const { rows } = terminal.size();
    top += { up: -1, down: 1, "page-up": AROUND - rows, "page-down": rows - AROUND }[key.name as string] ?? 0;
    if (key.name === "home") top = 0;
    if (key.name === "end") top = Number.MAX_SAFE_INTEGER;
    draw();
  });
  try {
    for (let tick = 0; !ended.signal.aborted; tick++) {
      if (tick % READ_EVERY === 0) await source.read();
      draw();
      await clock.sleep(TICK_MS, ended.signal);
    }
  } finally {
    stopKeys();
    stopResizing();
    stage.end(source.text(terminal.size().columns).trimEnd());
  }
}

function isEnd(key: Key): boolean {
  return key.name === "escape" || key.name === "end-of-input" || (key.name === "text" && /^q/i.test(key.text));
}

interface Shown {
  readonly lines: readonly string[];
  /** Lines that did not fit below. */
  readonly left: number;
  readonly look: Look;
}

function StatusView({ lines, left, look }: Shown) {
  const more = left > 0 ? `, ${signsOf(look).below} ${left} more lines` : "";
  return (
    <Box flexDirection="column">
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines of a text have no other identity
        <Text key={index} wrap="truncate-end">
          {line === "" ? " " : line}
        </Text>
      ))}
      <Text> </Text>
      <Toned look={look} tone="dim" wrap="truncate-end">{`q: end${more}`}</Toned>
    </Box>
  );
}
