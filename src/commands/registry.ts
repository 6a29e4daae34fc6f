import { FORMATS } from "../emit/registry.ts";
import type { CommandSpec, OptionSpec } from "./command.ts";
import { PROFILE_OPTIONS } from "./profile-options.ts";

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
    operands: "-- COMMAND [ARGUMENT...]",
    load: async () => import("./exec.ts"),
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
      { name: "format", short: "f", value: "FORMAT", choices: ["text", "json"], summary: "text (default) or json" },
    ],
    load: async () => import("./explain.ts"),
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
