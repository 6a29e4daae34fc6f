import dns from "node:dns/promises";
import { streams } from "../streams.ts";
import type { Answer } from "./resolve.ts";

/** The child's whole life: one name in argv, one answer on stdout. */
export async function resolverChildMain(name: string): Promise<number> {
  const answer: Answer = await dns.lookup(name, { all: true, verbatim: true }).then(
    (addresses) => ({ addresses }),
    (error: NodeJS.ErrnoException) => ({ code: error.code ?? "EAI_FAIL" }),
  );
  streams.writeOut(JSON.stringify(answer));
  return 0;
}
