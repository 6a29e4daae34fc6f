import { BrokerError } from "../core/errors.ts";
import type { Host } from "../host/host.ts";

/** Something wrong at a place in a file; the place becomes line and column only when it is told. */
export interface Problem {
  /** Undefined when it does not come from a file (environment, flag). */
  readonly file?: string;
  /** Keys from the top of the document, as in ["profile", "billing", "region"]. */
  readonly path: readonly string[];
  readonly message: string;
  readonly hint?: string | undefined;
}

/** The problem as an error with file:line:column. What finds the line is loaded here, off the hot path. */
export async function problemError(problem: Problem, host: Pick<Host, "files">): Promise<BrokerError> {
  const where = problem.file === undefined ? "" : `${await place(problem.file, problem.path, host)}: `;
  return new BrokerError("CONFIG_INVALID", `${where}${problem.message}`, { hint: problem.hint });
}

/** file:line:column of a key, or the file alone when it cannot be found. */
export async function place(file: string, path: readonly string[], host: Pick<Host, "files">): Promise<string> {
  const { locate } = await import("./locate.ts");
  const bytes = host.files.read(file);
  const found = bytes === undefined ? undefined : locate(new TextDecoder().decode(bytes), path);
  return found === undefined ? file : `${file}:${found.line}:${found.column}`;
}
