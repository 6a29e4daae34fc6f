import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { receivedXml } from "../support/received-xml.ts";
import { HISTORY, historyLine, lastRecord, type RunRecord } from "./report/history.ts";
import { picture, xmlText } from "./report/picture.ts";
import { benchSection } from "./report/readme.ts";
import { partOfTable } from "./report/table.ts";
import type { Row } from "./row.ts";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const file = (name: string): string => readFileSync(path.join(root, name), "utf8");

const FILE: Row = {
  name: "cached",
  what: "file",
  build: "npm",
  value: 23.4567,
  unit: "ms",
  base: 20,
  ratio: 1.17,
  more: 3.4,
  goal: { of: "ratio", atMost: 1.2 },
  met: true,
};
const SLOW: Row = { ...FILE, build: "standalone", ratio: 0.4, goal: { of: "ratio", atMost: 0.3 }, met: false };
const COLD: Row = {
  name: "cold",
  what: "token-file <&>",
  build: "npm",
  delayMs: 20,
  value: 110,
  unit: "ms",
  base: 70,
  ratio: 1.57,
  more: 40,
};
const RECORD: RunRecord = {
  date: "2026-11-21T15:00:00Z",
  version: "0.1.0",
  commit: "0123456789ab",
  node: "v20.20.2",
  cpu: { model: "Some <CPU> & more", cores: 2 },
  load: 0.4,
  rounds: 60,
  builds: ["npm", "standalone"],
  rows: [FILE, SLOW, COLD],
  leftOut: [],
};

describe("what was recorded", () => {
  it("is drawn as it stands in the tree", () => {
    expect(file("test/bench/bench.svg")).toBe(picture(lastRecord(file(HISTORY))));
  });

  it("is what README.md says", () => {
    expect(file("README.md")).toContain(benchSection(lastRecord(file(HISTORY))));
  });

  it("is a whole record in every line of the history", () => {
    for (const line of file(HISTORY).trimEnd().split("\n")) {
      const { date, version, node, rows } = lastRecord(line);
      expect({ date, version, node }).toEqual({
        date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        node: expect.stringMatching(/^v\d+/),
      });
      expect(rows.some(({ name, ratio }) => name === "cached" && ratio !== undefined)).toBe(true);
    }
  });
});

describe("the history", () => {
  it("is a line a run, without digits beyond the noise, of which the last one counts", () => {
    const earlier = historyLine({ ...RECORD, version: "0.0.9" });
    const history = earlier + historyLine(RECORD);
    expect(history.split("\n")).toHaveLength(3);
    expect(lastRecord(history).version).toBe("0.1.0");
    expect(lastRecord(history).rows[0]?.value).toBe(23.457);
  });

  it("that is empty names the command that fills it", () => {
    expect(() => lastRecord("\n")).toThrow("npm run bench -- --record");
  });
});

describe("the picture", () => {
  const svg = picture(RECORD);

  it("is well-formed, whatever names are in it", () => {
    expect(receivedXml(svg)).toMatchObject({ name: "svg" });
    expect(svg).toContain("Some &lt;CPU&gt; &amp; more");
    expect(svg).toContain("token-file &lt;&amp;&gt;");
  });

  it("has a bar for each store and build, as long as its ratio, with the goal marked", () => {
    const lengthOf = (build: string): number =>
      Number(new RegExp(`<rect class="${build}" x="250"[^>]* width="([\\d.]+)" height="13"`).exec(svg)?.[1]);
    expect(lengthOf("npm") / lengthOf("standalone")).toBeCloseTo(1.17 / 0.4, 1);
    expect(svg.match(/<line class="goal"/g)).toHaveLength(2);
    expect(svg).toContain("1.17 × (goal 1.20)");
  });

  it("shows a cold call as its requests and the rest", () => {
    expect(svg).toMatch(/<rect class="trips" x="250"/);
    expect(svg).toContain("70 ms +40 ms");
  });

  it("escapes what XML gives a meaning, and leaves out what it has no character for", () => {
    expect(xmlText(`<a href="x">'&'</a>\u0000\u001b\ud800`)).toBe(
      "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;",
    );
  });
});

describe("the table", () => {
  it("says of each figure what it is held against, and names a goal that is missed", () => {
    const text = partOfTable({ name: "cached", summary: "a cached call" }, [FILE, SLOW]);
    expect(text).toMatch(/^ {2}file\s+npm\s+23\.5 ms\s+20 ms\s+1\.17 ×\s+\+3\.4 ms\s+≤ 1\.20 ×\s+met$/m);
    expect(text).toMatch(/0\.40 ×\s+\+3\.4 ms\s+≤ 0\.30 ×\s+MISSED$/m);
  });
});

describe("README.md's tables", () => {
  it("are of the builds of the run, with goals that are missed in bold", () => {
    const text = benchSection(RECORD);
    expect(text).toContain("| `file` | 1.17 × (23.5 ms) | ≤ 1.20 × met | 0.40 × (23.5 ms) | ≤ 0.30 × **missed** |");
    expect(text).toContain("| token-file \\<\\&\\> |  | npm | 70 ms +40 ms |");
    expect(benchSection({ ...RECORD, builds: ["npm"] })).not.toContain("standalone");
  });

  it("say of each build what it is held against, where that is its own", () => {
    const renewal = { name: "discovery", what: "renewal", unit: "ms" } as const;
    const rows: Row[] = [
      { ...renewal, build: "npm", value: 300, base: 340 },
      { ...renewal, build: "standalone", value: 200, base: 240 },
    ];
    const text = benchSection({ ...RECORD, rows });
    expect(text).toContain("| discovery: renewal |  | 300 ms instead of 340 ms | 200 ms instead of 240 ms |");
  });

  it("say when the machine was busy", () => {
    expect(benchSection(RECORD)).not.toContain("busy");
    expect(benchSection({ ...RECORD, load: 7 })).toContain(
      "load 7.0, 60 rounds; builds: npm, standalone. The machine was busy",
    );
  });
});
