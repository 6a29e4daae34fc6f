import type { Parsed } from "./commands/command.ts";
import { parseHot } from "./commands/parse-hot.ts";
import { COMMANDS, COMMON_OPTIONS } from "./commands/registry.ts";
import { BrokerError, EXIT } from "./core/errors.ts";
import { printable } from "./core/printable.ts";
import type { Host } from "./host/host.ts";

const NAME = "sts-broker";

/** What --version says; the build puts package.json's version in its place. */
declare const STS_BROKER_VERSION: string;

/**
 * One run of the program.
 * @param argv without the interpreter and the script
 * @returns the exit code; the only place where errors become exit codes and lines on stderr
 */
export async function run(argv: readonly string[], host: Host): Promise<number> {
  try {
    const plain = parseHot(argv, COMMANDS, COMMON_OPTIONS);
    const { command, parsed } = plain ?? (await fully(argv, host));
    if (command === undefined) return EXIT.done;
    if (host.env.NODE_TLS_REJECT_UNAUTHORIZED === "0") await refuseUncheckedTls();
    const { run: runCommand } = await command.load();
    return await runCommand(host, parsed);
  } catch (error) {
    const code = report(error, host);
    // Whatever stops exec before its command ran must not look like the command's own status, a wrong option and a bug of ours included.
    return argv[0] === "exec" && code !== EXIT.notFound && code !== EXIT.notRunnable ? EXIT.execFailed : code;
  }
}

async function fully(
  argv: readonly string[],
  host: Host,
): Promise<{ command?: (typeof COMMANDS)[number]; parsed: Parsed }> {
  const { parse } = await import("./commands/parse.ts");
  const result = parse(argv, {
    name: NAME,
    version: typeof STS_BROKER_VERSION === "string" ? STS_BROKER_VERSION : "0.0.0-source",
    summary: "temporary AWS credentials through the company's own identity provider",
    commands: COMMANDS,
    common: COMMON_OPTIONS,
  });
  if (result.kind === "command") return result;
  host.streams.writeOut(result.text);
  return { parsed: { options: {}, operands: [] } };
}

async function refuseUncheckedTls(): Promise<never> {
  throw (await import("./host/http/request.ts")).certificateChecksOff();
}

/** One line that stands alone, since AWS tools quote it; then what to do. The stack of a bug is shown under debug alone. */
function report(error: unknown, host: Host): number {
  if (error instanceof BrokerError) {
    const hint = error.hint === undefined ? "" : `  hint: ${printable(error.hint, 600)}\n`;
    host.streams.writeErr(`${NAME}: ${printable(error.message, 1200)}\n${hint}`);
    if (error.cause instanceof Error)
      host.log.debug("cause", String((error.cause as NodeJS.ErrnoException).code ?? error.cause.name));
    return error.exitCode;
  }
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  host.streams.writeErr(
    `${NAME}: unexpected error, this is a bug: ${printable(`${name}: ${message}`)}\n  hint: run it again with STS_BROKER_DEBUG=1 and report what it says\n`,
  );
  for (const line of (stack ?? "").split("\n").slice(1)) host.log.debug("stack", line);
  return EXIT.unexpected;
}
