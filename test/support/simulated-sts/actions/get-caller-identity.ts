/** GetCallerIdentity: needs no permission, only a good signature. */
import type { ActionRequest, XmlFields } from "../types.ts";

export function getCallerIdentity(request: ActionRequest): XmlFields {
  const caller = request.authenticate();
  return { Arn: caller.arn, UserId: caller.userId, Account: caller.account };
}
