/** The actions that the simulator knows. A new one is a file beside this one and a line here. */
import type { Action } from "../types.ts";
import { assumeRole } from "./assume-role.ts";
import { assumeRoleWithSaml } from "./assume-role-with-saml.ts";
import { assumeRoleWithWebIdentity } from "./assume-role-with-web-identity.ts";
import { getCallerIdentity } from "./get-caller-identity.ts";

export function findAction(name: string): Action | undefined {
  switch (name) {
    case "AssumeRole":
      return assumeRole;
    case "AssumeRoleWithSAML":
      return assumeRoleWithSaml;
    case "AssumeRoleWithWebIdentity":
      return assumeRoleWithWebIdentity;
    case "GetCallerIdentity":
      return getCallerIdentity;
    default:
      return undefined;
  }
}
