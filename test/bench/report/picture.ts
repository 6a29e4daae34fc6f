/** The picture of README.md: bars for a cached call by store, and for a cold one by source; light or dark as the reader's system. */
import type { Row } from "../row.ts";
import { figure, plus, times } from "./figures.ts";
import type { RunRecord } from "./history.ts";

const WIDTH = 820;
const LABELS = 250;
const RIGHT = 130;
const PLOT = WIDTH - LABELS - RIGHT;
const BAR = 13;
const STEP = 18;
/** The round trip in the part about cold calls. */
const DELAY_MS = 20;

const STYLE = `text{font:12px -apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-size:14px;font-weight:600}.soft{fill:#59636e}.grid{stroke:#d1d9e0}.one{stroke:#1f2328}
.npm{fill:#0969da}.standalone{fill:#1a7f37}.trips{fill:#afb8c1}.goal{stroke:#bc4c00;stroke-width:2}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.soft{fill:#9198a1}.grid{stroke:#3d444d}.one{stroke:#f0f6fc}
.npm{fill:#4493f8}.standalone{fill:#3fb950}.trips{fill:#656c76}.goal{stroke:#f0883e}}`;

/** SVG. @throws Error when the run has nothing to draw */
export function picture(record: RunRecord): string {
  const stores = record.rows.filter(({ name, ratio }) => name === "cached" && ratio !== undefined);
  const sources = record.rows.filter(
    ({ name, unit, delayMs }) => name === "cold" && unit === "ms" && delayMs === DELAY_MS,
  );
  if (stores.length === 0) throw new Error("the recorded run has no cached call");
  const bareMs = stores[0]?.base ?? 0;
  const parts: string[] = [];
  let y = 24;
  y = heading(parts, y, "Cached call, in starts of bare Node: shorter is better", record.builds);
  y = ratioBars(parts, y, stores, `1.00 × = node -e 0 (${figure(bareMs, "ms")})`);
  if (sources.length > 0) {
    y += 30;
    y = heading(parts, y, `Cold call, ${DELAY_MS} ms a round trip: its requests alone, and the rest`, record.builds);
    y = stackedBars(parts, y, sources);
  }
  const height = y + 10;
  const from = `${record.date.slice(0, 10)}, sts-broker ${record.version}, Node ${record.node}, ${record.cpu.model}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="t d">
<title id="t">How long sts-broker takes</title>
<desc id="d">${xmlText(`Measured ${from}`)}</desc>
<style>${STYLE}</style>
${parts.join("\n")}
</svg>
`;
}

/** @returns where to go on below it */
function heading(parts: string[], y: number, title: string, builds: readonly string[]): number {
  parts.push(text(16, y, title, "title"));
  const widths = builds.map((build) => 30 + 7 * build.length);
  let x = WIDTH - widths.reduce((sum, width) => sum + width, 0);
  for (const [index, build] of builds.entries()) {
    parts.push(bar(x, y - 10, 10, build, 10), text(x + 15, y, build, "soft"));
    x += widths[index] ?? 0;
  }
  return y + 16;
}

function ratioBars(parts: string[], y: number, rows: readonly Row[], unit: string): number {
  const scale = scaleFor(Math.max(1, ...rows.map(({ ratio = 0, goal }) => Math.max(ratio, goal?.atMost ?? 0))), 0.25);
  const bottom = y + rows.length * STEP + gaps(rows) * 6;
  for (let at = 0; at <= scale.end; at += scale.tick) {
    parts.push(line(LABELS + at * scale.unit, y, bottom, at === 1 ? "one" : "grid"));
    parts.push(text(LABELS + at * scale.unit, bottom + 14, at.toFixed(2), "soft", "middle"));
  }
  parts.push(text(16, bottom + 14, unit, "soft"));
  eachGroup(rows, y, (row, top, first) => {
    const length = (row.ratio ?? 0) * scale.unit;
    if (first) parts.push(text(LABELS - 10, top + 11, `store ${row.what}`, "", "end"));
    parts.push(bar(LABELS, top, length, row.build ?? ""));
    const goal = row.goal?.of === "ratio" ? row.goal.atMost : undefined;
    if (goal !== undefined) parts.push(line(LABELS + goal * scale.unit, top - 2, top + BAR + 2, "goal"));
    const said = goal === undefined ? times(row.ratio) : `${times(row.ratio)} (goal ${goal.toFixed(2)})`;
    parts.push(text(LABELS + Math.max(length, (goal ?? 0) * scale.unit) + 7, top + 11, said, "soft"));
  });
  return bottom + 20;
}

function stackedBars(parts: string[], y: number, rows: readonly Row[]): number {
  const total = ({ base = 0, more = 0 }: Row): number => Math.max(base, base + more);
  const scale = scaleFor(Math.max(...rows.map(total)), 50);
  const bottom = y + rows.length * STEP + gaps(rows) * 6;
  for (let at = 0; at <= scale.end; at += scale.tick) {
    parts.push(line(LABELS + at * scale.unit, y, bottom, "grid"));
    parts.push(text(LABELS + at * scale.unit, bottom + 14, `${at}`, "soft", "middle"));
  }
  parts.push(text(16, bottom + 14, "ms; grey: the requests alone", "soft"));
  eachGroup(rows, y, (row, top, first) => {
    const { base = 0, more = 0 } = row;
    if (first) parts.push(text(LABELS - 10, top + 11, row.what, "", "end"));
    parts.push(bar(LABELS, top, Math.min(base, base + more) * scale.unit, "trips"));
    if (more > 0) parts.push(bar(LABELS + base * scale.unit, top, more * scale.unit, row.build ?? ""));
    const said = `${figure(base, "ms")} ${plus(more, "ms")}`;
    parts.push(text(LABELS + total(row) * scale.unit + 7, top + 11, said, "soft"));
  });
  return bottom + 20;
}

/** Rows about the same thing stand together. */
function eachGroup(rows: readonly Row[], y: number, draw: (row: Row, top: number, first: boolean) => void): void {
  let top = y + 6;
  for (const [index, row] of rows.entries()) {
    const first = row.what !== rows[index - 1]?.what;
    if (first && index > 0) top += 6;
    draw(row, top, first);
    top += STEP;
  }
}

function gaps(rows: readonly Row[]): number {
  return new Set(rows.map(({ what }) => what)).size + 1;
}

/** About five ticks of a round width. */
function scaleFor(largest: number, smallestTick: number) {
  let tick = smallestTick;
  while (largest / tick > 6) tick *= 2;
  const end = Math.ceil(largest / tick) * tick;
  return { tick, end, unit: PLOT / end };
}

function bar(x: number, y: number, width: number, kind: string, height = BAR): string {
  return `<rect class="${xmlText(kind)}" x="${round(x)}" y="${round(y)}" width="${round(Math.max(0, width))}" height="${height}"/>`;
}

function line(x: number, from: number, to: number, kind: string): string {
  return `<line class="${kind}" x1="${round(x)}" y1="${round(from)}" x2="${round(x)}" y2="${round(to)}"/>`;
}

function text(x: number, y: number, content: string, kind: string, anchor = "start"): string {
  const attributes = `${kind === "" ? "" : ` class="${kind}"`}${anchor === "start" ? "" : ` text-anchor="${anchor}"`}`;
  return `<text x="${round(x)}" y="${round(y)}"${attributes}>${xmlText(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** For text and attributes; what XML 1.0 has no character for is left out. */
export function xmlText(content: string): string {
  const named: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return content
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "")
    .replace(/[&<>"']/g, (one) => named[one] ?? one);
}
