// Vitest's order of files: what takes longest starts first, so that the workers end together.
// A fresh clone has no durations of its own, so durations.json has those of the slow files. To write it anew:
//
//   npx vitest run --reporter=default --reporter=json --outputFile.json=report.json && node .ci/slowest-first.mjs report.json
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { BaseSequencer } from "vitest/node";

const root = path.dirname(import.meta.dirname);
const file = path.join(import.meta.dirname, "durations.json");

/** Files below it are too many to list, and end together anyway. */
const LISTED_FROM_SECONDS = 4;

export class SlowestFirst extends BaseSequencer {
  async sort(specifications) {
    const seconds = JSON.parse(readFileSync(file, "utf8"));
    const known = ({ moduleId }) => seconds[path.relative(root, moduleId)] ?? 0;
    // The rest stays as vitest has it: by the durations of the last run here, or by size.
    return (await super.sort(specifications)).sort((a, b) => known(b) - known(a));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { testResults } = JSON.parse(readFileSync(process.argv[2], "utf8"));
  const measured = testResults.map(({ name, startTime, endTime }) => [
    path.relative(root, name),
    Math.round((endTime - startTime) / 1000),
  ]);
  const slow = measured.filter(([, seconds]) => seconds >= LISTED_FROM_SECONDS).sort((a, b) => b[1] - a[1]);
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(slow), undefined, 2)}\n`);
}
