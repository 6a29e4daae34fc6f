/** What a terminal can show. */
export interface Look {
  /** SGR sequences. */
  readonly color: boolean;
  /** Characters beyond ASCII. */
  readonly unicode: boolean;
}

/** "scan": light on dark whatever the terminal's own colours. */
const SGR = { bold: "1", dim: "2", inverse: "7", red: "31", green: "32", cyan: "36", scan: "97;40" } as const;

export type Tone = keyof typeof SGR;

export function toned(text: string, tone: Tone, look: Look): string {
  if (!look.color) return text;
  return text
    .split("\n")
    .map((line) => `\u001b[${SGR[tone]}m${line}\u001b[0m`)
    .join("\n");
}

export interface Signs {
  readonly done: string;
  readonly failed: string;
  readonly chosen: string;
  readonly cursor: string;
  readonly spinner: readonly string[];
  readonly above: string;
  readonly below: string;
}

const UNICODE: Signs = {
  done: "✓",
  failed: "✗",
  chosen: "›",
  cursor: "▏",
  spinner: ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
  above: "↑",
  below: "↓",
};
const ASCII: Signs = {
  done: "ok:",
  failed: "failed:",
  chosen: ">",
  cursor: "_",
  spinner: ["|", "/", "-", "\\"],
  above: "^",
  below: "v",
};

export function signsOf(look: Look): Signs {
  return look.unicode ? UNICODE : ASCII;
}
