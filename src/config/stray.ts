import { printable } from "../core/printable.ts";
import type { Stray } from "./files.ts";
import type { Problem } from "./problem.ts";
import { didYouMean } from "./suggest.ts";

/** What may stand at the top of a file. */
export const TABLES = ["identity", "profile", "audit", "account_aliases"] as const;

/** A top-level key that means nothing, said as a problem. */
export function strayProblem({ file, path }: Stray): Problem {
  const [top = ""] = path;
  const name = printable(path.join("."), 80);
  if ((TABLES as readonly string[]).includes(top)) {
    const form = top === "identity" || top === "profile" ? `[${top}.NAME]` : `[${top}]`;
    return { file, path, message: `"${name}" must be a table`, hint: `it is written as ${form}` };
  }
  return { file, path, message: `"${name}" means nothing here`, hint: didYouMean(top, TABLES) };
}
