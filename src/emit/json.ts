import { accountIdOf } from "./account.ts";
import type { Format } from "./format.ts";
import { openCredentials, singleLine } from "./opened.ts";

/**
 * Everything we know, for scripts: one object on one line, in our own names. AWS's shapes (`process`, the container endpoint's) have no
 * room for the profile, the role and the region, and SDKs may come to refuse members they do not know. Members may be added,
 * never renamed; accountId and region are absent when unknown.
 */
export const jsonFormat: Format = {
  name: "json",
  summary: "a JSON object with every field, for scripts",
  render(credentials, context) {
    const opened = openCredentials(credentials);
    const answer = {
      profile: singleLine("profile", context.profile),
      accessKeyId: opened.accessKeyId,
      secretAccessKey: opened.secretAccessKey,
      sessionToken: opened.sessionToken,
      expiresAt: opened.expiration,
      assumedRoleArn: singleLine("AssumedRoleUser.Arn", credentials.assumedRoleArn),
      accountId: accountIdOf(credentials.assumedRoleArn),
      region: context.region ? singleLine("region", context.region) : undefined,
    };
    return `${JSON.stringify(answer)}\n`;
  },
};
