import { accountIdOf } from "./account.ts";
import type { Format } from "./format.ts";
import { openCredentials } from "./opened.ts";

/**
 * What `credential_process` of ~/.aws/config expects: one JSON object, `Version` the number 1. One line, because a caller that
 * reads line by line then has all or nothing.
 *
 * @see AWS SDKs and Tools Reference Guide, process credential provider
 */
export const processFormat: Format = {
  name: "process",
  summary: "JSON for credential_process in ~/.aws/config",
  render(credentials) {
    const opened = openCredentials(credentials);
    const answer = {
      Version: 1,
      AccessKeyId: opened.accessKeyId,
      SecretAccessKey: opened.secretAccessKey,
      SessionToken: opened.sessionToken,
      Expiration: opened.expiration,
      AccountId: accountIdOf(credentials.assumedRoleArn),
    };
    return `${JSON.stringify(answer)}\n`;
  },
};
