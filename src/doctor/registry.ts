import type { Check } from "./check.ts";
import { addons } from "./checks/addons.ts";
import { audit } from "./checks/audit.ts";
import { awsConfig } from "./checks/aws-config.ts";
import { certificates } from "./checks/certificates.ts";
import { clock } from "./checks/clock.ts";
import { configuration } from "./checks/configuration.ts";
import { discovery } from "./checks/discovery.ts";
import { dryRun } from "./checks/dry-run.ts";
import { failures } from "./checks/failures.ts";
import { issuer } from "./checks/issuer.ts";
import { kerberos } from "./checks/kerberos.ts";
import { locks } from "./checks/locks.ts";
import { names } from "./checks/names.ts";
import { permissions } from "./checks/permissions.ts";
import { proxy } from "./checks/proxy.ts";
import { runtime } from "./checks/runtime.ts";
import { samlMetadata } from "./checks/saml-metadata.ts";
import { stores } from "./checks/stores.ts";
import { sts } from "./checks/sts.ts";

/** In the order of the report: from what lies on the machine to what is far away, so that the first failure is likely the cause of the next. */
export const CHECKS: readonly Check[] = [
  runtime,
  configuration,
  permissions,
  addons,
  locks,
  stores,
  audit,
  failures,
  names,
  proxy,
  certificates,
  clock,
  discovery,
  issuer,
  samlMetadata,
  kerberos,
  sts,
  dryRun,
  awsConfig,
];
