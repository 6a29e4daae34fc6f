import { FORMATS } from "../emit/registry.ts";
import { TRUST_FORMATS } from "../trust/format-names.ts";
import type { CommandSpec, OptionSpec } from "./command.ts";
import { PROFILE_OPTIONS } from "./profile-options.ts";
import { REPORT_OPTIONS } from "./report-options.ts";
import { SETUP_OPTIONS } from "./setup-options.ts";

/** Understood by every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: "debug", summary: "say on stderr what is decided and why (also STS_BROKER_DEBUG=1, or =/path/to/file)" },
];

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "credential-process",
    summary: "print credentials as JSON, for credential_process",
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
    summary: "renew credentials before they end, for timers and cron",
    options: [
      { name: "profile", short: "p", value: "NAME", summary: "a profile, as those named without it (default: all)" },
      {
        name: "spread",
        value: "SECONDS",
        summary: "wait up to so long before renewing, each machine its own time (default: 0, at most 3600)",
      },
      { name: "force", summary: "renew what is fresh as well, and what rests after a failure" },
      ...REPORT_OPTIONS,
    ],
    operands: { kind: "profiles", shown: "[PROFILE...]" },
    load: async () => import("./refresh.ts"),
  },
  {
    name: "token",
    summary: "print the identity provider's token (JWT)",
    options: [...PROFILE_OPTIONS, { name: "claims", summary: "print what the token says instead of the token" }],
    load: async () => import("./token.ts"),
  },
  {
    name: "explain",
    summary: "show what the proof of identity says, and judge it",
    options: [
      ...PROFILE_OPTIONS,
      { name: "trust-policy", value: "FILE", summary: "JSON of the role's trust policy: say which condition fails" },
      ...REPORT_OPTIONS,
    ],
    load: async () => import("./explain.ts"),
  },
  {
    name: "trust-policy",
    summary: "print what has to exist at AWS for a profile",
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
    summary: "log in as a person, on this terminal and in a browser",
    options: [
      ...PROFILE_OPTIONS,
      { name: "plain", summary: "lines of text alone, nothing drawn or redrawn: for screen readers" },
    ],
    load: async () => import("./login.ts"),
  },
  {
    name: "logout",
    summary: "remove what is kept, and revoke it at the provider",
    options: [
      ...PROFILE_OPTIONS.filter(({ name }) => name === "profile"),
      { name: "all", summary: "every profile, and whatever else is kept for this user" },
      ...REPORT_OPTIONS,
    ],
    load: async () => import("./logout.ts"),
  },
  {
    name: "status",
    summary: "show every profile: who, until when, where, what failed",
    options: [
      { name: "profile", short: "p", value: "NAME", summary: "only this profile (default: all)" },
      { name: "watch", summary: "keep it on the screen, counting down, until q is pressed" },
      { name: "check", summary: "for monitoring: print failing profiles alone, and exit with the first one's code" },
      ...REPORT_OPTIONS,
    ],
    load: async () => import("./status.ts"),
  },
  {
    name: "doctor",
    summary: "find out what does not work, and how to mend it",
    options: [
      { name: "profile", short: "p", value: "NAME", summary: "only this profile (default: all)" },
      { name: "offline", summary: "ask nobody: no DNS, no connection, no dry run" },
      ...REPORT_OPTIONS,
    ],
    load: async () => import("./doctor.ts"),
  },
  {
    name: "config init",
    summary: "set up a profile, from the identity provider's address",
    options: SETUP_OPTIONS,
    load: async () => import("./config-init.ts"),
  },
  {
    name: "config check",
    summary: "check every file, profile and identity",
    options: [],
    load: async () => import("./config-check.ts"),
  },
  {
    name: "config show",
    summary: "show a profile as resolved, and where values come from",
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
