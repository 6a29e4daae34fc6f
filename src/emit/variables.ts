import type { SessionCredentials } from "../core/types.ts";
import type { EmitContext } from "./format.ts";
import { openCredentials, singleLine } from "./opened.ts";

/**
 * The variables AWS tools read, in the order they are printed: the keys, the token, the expiry, and both spellings of the
 * region when one was stated (boto3 reads only AWS_DEFAULT_REGION, most other SDKs only AWS_REGION).
 *
 * @throws BrokerError `STS_INVALID_ANSWER` for an empty credential or a control character in any value, naming the field
 */
export function environmentVariables(
  credentials: SessionCredentials,
  context: EmitContext,
): [name: string, value: string][] {
  const opened = openCredentials(credentials);
  const variables: [string, string][] = [
    ["AWS_ACCESS_KEY_ID", opened.accessKeyId],
    ["AWS_SECRET_ACCESS_KEY", opened.secretAccessKey],
    ["AWS_SESSION_TOKEN", opened.sessionToken],
    ["AWS_CREDENTIAL_EXPIRATION", opened.expiration],
  ];
  if (context.region) {
    const region = singleLine("region", context.region);
    variables.push(["AWS_REGION", region], ["AWS_DEFAULT_REGION", region]);
  }
  return variables;
}

/** One line a variable. */
export function variableLines(
  credentials: SessionCredentials,
  context: EmitContext,
  line: (name: string, value: string) => string,
): string {
  return environmentVariables(credentials, context)
    .map(([name, value]) => `${line(name, value)}\n`)
    .join("");
}
