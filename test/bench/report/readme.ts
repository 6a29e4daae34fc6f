/** The tables of README.md, made of the last recorded run. */
import { goalText, type Row } from "../row.ts";
import { figure, plus, times } from "./figures.ts";
import type { RunRecord } from "./history.ts";

/** Markdown. Figures of a build that the run did not have are left out with it. */
export function benchSection(record: RunRecord): string {
  const parts = [run(record), cachedTable(record), coldTable(record), otherTable(record)];
  if (record.leftOut.length > 0) parts.push(`Left out: ${record.leftOut.map(escaped).join("; ")}.`);
  return parts.filter((part) => part !== "").join("\n\n");
}

function run({ date, version, commit, node, cpu, load, rounds, builds }: RunRecord): string {
  const of = commit === undefined ? "" : ` (${commit})`;
  const machine = `${escaped(cpu.model)}, ${cpu.cores} cores, load ${load.toFixed(1)}`;
  const busy =
    load > cpu.cores ? " The machine was busy with other things: compare the figures only with each other." : "";
  return `Run of ${date.slice(0, 10)}: version ${version}${of}, Node ${node}, ${machine}, ${rounds} rounds; builds: ${builds.join(", ")}.${busy}`;
}

function cachedTable({ builds, rows }: RunRecord): string {
  const mine = rows.filter(({ name }) => name === "cached");
  return table(
    ["cached call, store", ...builds.flatMap((build) => [build, "goal"])],
    whats(mine).map((what) => [
      `\`${what}\``,
      ...builds.flatMap((build) => {
        const row = mine.find((one) => one.what === what && one.build === build);
        return [row === undefined ? "" : `${times(row.ratio)} (${figure(row.value, row.unit)})`, goalCell(row)];
      }),
    ]),
  );
}

function coldTable({ builds, rows }: RunRecord): string {
  const mine = rows.filter(({ name, unit }) => name === "cold" && unit === "ms");
  const delays = [...new Set(mine.map(({ delayMs }) => delayMs))];
  const requests = (what: string): string => {
    const counts = rows.filter((row) => row.name === "cold" && row.what === what && row.unit === "requests");
    return [...new Set(counts.map(({ value }) => value))].join(" / ");
  };
  return table(
    ["cold call, source", "requests", "build", ...delays.map((delayMs) => `${delayMs} ms a round trip`)],
    whats(mine).flatMap((what) =>
      builds.map((build, index) => [
        index === 0 ? escaped(what) : "",
        index === 0 ? requests(what) : "",
        build,
        ...delays.map((delayMs) => {
          const row = mine.find((one) => one.what === what && one.build === build && one.delayMs === delayMs);
          return row === undefined ? "" : `${figure(row.base ?? 0, "ms")} ${plus(row.more, "ms")}`;
        }),
      ]),
    ),
  );
}

const OTHERS = ["discovery", "memory", "size", "crowd", "status", "completion", "first-frame"];

function otherTable({ builds, rows }: RunRecord): string {
  const mine = rows.filter(({ name }) => OTHERS.includes(name));
  const subjects = new Map(mine.map(({ name, what, unit }) => [`${name}\n${what}\n${unit}`, { name, what, unit }]));
  return table(
    ["what", "against", ...builds],
    [...subjects.values()].map(({ name, what, unit }) => {
      const of = mine.filter((row) => row.name === name && row.what === what && row.unit === unit);
      const bases = new Set(of.flatMap(({ base }) => base ?? []));
      const [base] = bases.size === 1 ? bases : [];
      const cells = builds.map((build) => {
        const row = of.find((one) => one.build === build);
        if (row === undefined) return "";
        const against = bases.size > 1 && row.base !== undefined ? ` instead of ${figure(row.base, unit)}` : "";
        return [figure(row.value, unit) + against, goalCell(row)].filter(Boolean).join(", ");
      });
      return [`${name}: ${escaped(what)}`, base === undefined ? "" : figure(base, unit), ...cells];
    }),
  );
}

function goalCell(row: Row | undefined): string {
  if (row?.goal === undefined) return "";
  return `${goalText(row.goal, row.unit)} ${row.met === true ? "met" : "**missed**"}`;
}

function whats(rows: readonly Row[]): string[] {
  return [...new Set(rows.map(({ what }) => what))];
}

function escaped(text: string): string {
  return text.replace(/[\\`*_<>|[\]&]/g, "\\$&").replaceAll("\n", " ");
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  if (lines.length === 0) return "";
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...lines.map(line)].join("\n");
}
