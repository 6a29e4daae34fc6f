import type { Configuration } from "../config/files.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import type { Host } from "../host/host.ts";
import { makeReport } from "./status-report.ts";
import { asText } from "./status-text.ts";
import { isPlain, lookOf } from "./terminal-look.ts";
import { wrapped } from "./wrapped.ts";

/** The report on the terminal, until the person has seen enough. @throws USAGE where nothing can be redrawn */
export async function watch(host: Host, configuration: Configuration, names: readonly string[]): Promise<number> {
  const terminal = isPlain(host) ? undefined : await host.terminal.open();
  if (terminal === undefined) {
    throw new BrokerError("USAGE", "status --watch needs a terminal on which it can redraw", {
      hint: "sts-broker status --json, as often as it is wanted",
    });
  }
  try {
    const { watchStatus } = await import("../ui/main.tsx");
    let report = await makeReport(host, configuration, names, true);
    let isFirst = true;
    await watchStatus(
      {
        async read() {
          if (!isFirst) report = await makeReport(host, configuration, names, true);
          isFirst = false;
        },
        text: (columns) => fitted(asText({ ...report, nowMs: host.clock.nowMs() }), columns),
      },
      { terminal, clock: host.clock, look: lookOf(host) },
    );
  } finally {
    terminal.close();
  }
  return EXIT.done;
}

/** The report is written for 80 columns. */
function fitted(text: string, columns: number): string {
  return text
    .split("\n")
    .flatMap((line) => {
      if (line.length <= columns) return [line];
      const indent = `${/^ */.exec(line)?.[0] ?? ""}  `;
      return wrapped(line, indent, columns).flatMap((part) => broken(part, indent, columns));
    })
    .join("\n");
}

/** A word that is longer than a line, an ARN for one. */
function broken(line: string, indent: string, columns: number): string[] {
  const lines: string[] = [];
  let rest = line;
  for (; rest.length > columns && columns > indent.length; rest = indent + rest.slice(columns)) {
    lines.push(rest.slice(0, columns));
  }
  return [...lines, rest];
}
