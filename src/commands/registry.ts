import { FORMATS } from "../emit/registry.ts";
import { TRUST_FORMATS } from "../trust/format-names.ts";
import type { CommandSpec, OptionSpec } from "./command.ts";
import { PROFILE_OPTIONS } from "./profile-options.ts";
import { REPORT_OPTIONS } from "./report-options.ts";

/** Understood by every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: "debug", summary: "say on stderr what is decided and why (also STS_BROKER_DEBUG=1, or =/path/to/file)" },
];

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "credential-process",
    summary: "print credentials as JSON, for credential_process in ~/.aws/config",
    options: PROFILE_OPTIONS,
    hot: true,
    load: async () => import("./credential-process.ts"),
  },
  {
    name: "env",
    summary: "print credentials as environment variables",
    options: [
      ...PROFILE_OPTIONS,
      {
        name: "format",
        short: "f",
        value: "FORMAT",
        choices: FORMATS.map(({ name }) => name),
        summary: "how to write them (default: env)",
      },
    ],
    hot: true,
    load: async () => import("./env.ts"),
  },
  {
    name: "exec",
    summary: "run a command with credentials in its environment",
    options: PROFILE_OPTIONS,
    operands: { kind: "command", shown: "-- COMMAND [ARGUMENT...]" },
    load: async () => import("./exec.ts"),
  },
  {
    name: "refresh",
    summary: "renew the credentials of these profiles, or of all, well before they end; for a systemd timer or cron",
    options: [
      {
        name: "spread",
        value: "SECONDS",
        summary: "wait up to so long before renewing, each machine its own time (default: 0, at most 3600)",
      },
      ...REPORT_OPTIONS,
    ],
    operands: { kind: "profiles", shown: "[PROFILE...]" },
    load: async () => import("./refresh.ts"),
  },
  {
    name: "token",
    summary: "print the identity provider's token (JWT), for services that take bearer tokens",
    options: [...PROFILE_OPTIONS, { name: "claims", summary: "print what the token says instead of the token" }],
    load: async () => import("./token.ts"),
  },
  {
    name: "explain",
    summary: "fetch the token or SAML response, show what it says, and judge point by point whether AWS would take it",
    options: [
      ...PROFILE_OPTIONS,
      { name: "trust-policy", value: "FILE", summary: "JSON of the role's trust policy: say which condition fails" },
      ...REPORT_OPTIONS,
    ],
    load: async () => import("./explain.ts"),
  },
  {
    name: "trust-policy",
    summary: "print what has to exist at AWS for this profile, filled from what its token or SAML response says",
    options: [
      ...PROFILE_OPTIONS,
      {
        name: "format",
        short: "f",
        value: "FORMAT",
        choices: TRUST_FORMATS,
        summary: "the role's trust policy alone (policy, default), or provider and role too",
      },
      { name: "subject", summary: "SAML: trust this subject alone, not everybody to whom the provider gives the role" },
    ],
    load: async () => import("./trust-policy.ts"),
  },
  {
    name: "login",
    summary: "log in as a person, on this terminal and in a browser; later calls renew without you as long as they may",
    options: [
      ...PROFILE_OPTIONS,
      { name: "plain", summary: "lines of text alone, nothing drawn or redrawn: for screen readers" },
    ],
    load: async () => import("./login.ts"),
  },
  {
    name: "status",
    summary:
      "show every profile: who it is, until when its credentials are valid, where they are kept, what failed last",
    options: [
      { name: "profile", short: "p", value: "NAME", summary: "only this profile (default: all)" },
      { name: "watch", summary: "keep it on the screen, counting down, until q is pressed" },
      { name: "check", summary: "for monitoring: print failing profiles alone, and exit with the first one's code" },
      ...REPORT_OPTIONS,
    ],
    load: async () => import("./status.ts"),
  },
  {
    name: "config check",
    summary: "check every file, profile and identity, and name what is wrong by file:line:column",
    options: [],
    load: async () => import("./config-check.ts"),
  },
  {
    name: "config show",
    summary: "show a profile as it is resolved, with where each value came from; secrets are not shown",
    options: PROFILE_OPTIONS,
    load: async () => import("./config-show.ts"),
  },
  {
    name: "config profiles",
    summary: "print the names of the profiles, one a line",
    options: [],
    load: async () => import("./config-profiles.ts"),
  },
  {
    name: "config path",
    summary: "print the configuration files in the order they are read",
    options: [],
    load: async () => import("./config-path.ts"),
  },
  {
    name: "config example",
    summary: "print a configuration to start from",
    options: [],
    load: async () => import("./config-example.ts"),
  },
];
