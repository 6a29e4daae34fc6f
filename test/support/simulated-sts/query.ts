/** The query protocol's request: a POST form, or a GET with everything in the query. */
import type { IncomingMessage } from "node:http";
import { StsError } from "./sts-error.ts";

const BODY_CAP_BYTES = 1024 * 1024;
const VERSION = "2011-06-15";

export interface QueryRequest {
  readonly action: string;
  readonly version: string | undefined;
  /** Without Action and Version. */
  readonly params: ReadonlyMap<string, string>;
}

export async function readBody(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_CAP_BYTES) throw new StsError("RequestEntityTooLarge", "Request body is too large", 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function parseQuery(req: IncomingMessage, body: Buffer): QueryRequest {
  const query = (req.url ?? "/").split(/\?(.*)/s)[1] ?? "";
  const params = new Map(new URLSearchParams(query));
  if (req.method === "POST") for (const [name, value] of new URLSearchParams(body.toString())) params.set(name, value);
  const action = params.get("Action") ?? "";
  const version = params.get("Version");
  params.delete("Action");
  params.delete("Version");
  return { action, version, params };
}

/** Refuses, as AWS does, what names no action or no version that it knows. */
export function checkVersion({ action, version }: QueryRequest, known: boolean): void {
  if (action === "") throw new StsError("MissingAction", "Request must contain an Action parameter.");
  if (!known || version !== VERSION) {
    throw new StsError(
      "InvalidAction",
      `Could not find operation ${action} for version ${version ?? "NO_VERSION_SPECIFIED"}`,
    );
  }
}
