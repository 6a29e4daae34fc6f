/** What --help and the man pages say besides a command's summary and options. Apart from the registry, since every AWS call loads that. */

export interface Example {
  /** To be pasted into a shell as it is. */
  readonly line: string;
  /** What it is for, as a shell's comment above it. */
  readonly says?: string;
}

export const GROUPS = ["For machines", "For people", "Configuration"] as const;

export interface HelpText {
  readonly group: (typeof GROUPS)[number];
  /** One to three. */
  readonly examples: readonly Example[];
  /** Named in the program's --help without its summary. */
  readonly minor?: boolean;
}

/** By the command's name. */
export const HELP_TEXTS: Readonly<Record<string, HelpText>> = {
  "credential-process": {
    group: "For machines",
    examples: [
      { line: "sts-broker credential-process --profile billing" },
      {
        line: "aws configure set profile.billing.credential_process 'sts-broker credential-process --profile billing'",
        says: "the AWS CLI and every SDK start it by themselves from now on",
      },
    ],
  },
  env: {
    group: "For machines",
    examples: [
      { line: 'eval "$(sts-broker env --profile billing)"', says: "in this shell" },
      { line: "sts-broker env --profile billing --format fish | source" },
    ],
  },
  exec: {
    group: "For machines",
    examples: [{ line: "sts-broker exec --profile billing -- aws s3 ls" }],
  },
  refresh: {
    group: "For machines",
    examples: [
      { line: "sts-broker refresh" },
      { line: "sts-broker refresh --spread 540 billing payroll", says: "every ten minutes, by cron or a timer" },
    ],
  },
  token: {
    group: "For machines",
    examples: [
      { line: 'curl -H "Authorization: Bearer $(sts-broker token --profile billing)" https://api.corp.example/' },
      { line: "sts-broker token --profile billing --claims" },
    ],
  },
  login: {
    group: "For people",
    examples: [
      { line: "sts-broker login --profile billing" },
      { line: "sts-broker login --plain", says: "the only profile there is, for a screen reader" },
    ],
  },
  logout: {
    group: "For people",
    examples: [
      { line: "sts-broker logout --profile billing" },
      { line: "sts-broker logout --all", says: "everything that is kept for this user" },
    ],
  },
  status: {
    group: "For people",
    examples: [
      { line: "sts-broker status" },
      { line: "sts-broker status --watch" },
      { line: "sts-broker status --check", says: "for monitoring: nothing, or the failing profiles" },
    ],
  },
  doctor: {
    group: "For people",
    examples: [{ line: "sts-broker doctor --profile billing" }],
  },
  explain: {
    group: "For people",
    examples: [
      { line: "sts-broker explain --profile billing" },
      {
        line: "sts-broker explain --profile billing --trust-policy trust.json",
        says: "which condition of the role's trust policy fails",
      },
    ],
  },
  "trust-policy": {
    group: "Configuration",
    examples: [
      { line: "sts-broker trust-policy --profile billing > trust.json" },
      {
        line: "sts-broker trust-policy --profile billing --format aws-cli",
        says: "identity provider and role too; also cloudformation and terraform",
      },
    ],
  },
  "config init": {
    group: "Configuration",
    examples: [
      { line: "sts-broker config init" },
      { line: "sts-broker config init --dry-run", says: "show what would be written, and write nothing" },
      {
        line: "sts-broker config init --yes --issuer https://idp.corp.example/realms/prod --type oidc-client-credentials --client-id billing-batch --secret-from file:/etc/sts-broker/billing.secret --role-arn arn:aws:iam::123456789012:role/billing",
        says: "asks nothing",
      },
    ],
  },
  "config check": {
    group: "Configuration",
    examples: [{ line: "sts-broker config check" }],
  },
  "config show": {
    group: "Configuration",
    examples: [{ line: "sts-broker config show --profile billing" }],
  },
  "config profiles": {
    group: "Configuration",
    examples: [{ line: "sts-broker config profiles" }],
    minor: true,
  },
  "config path": {
    group: "Configuration",
    examples: [{ line: "sts-broker config path" }],
    minor: true,
  },
  "config example": {
    group: "Configuration",
    examples: [
      { line: "mkdir -p ~/.config/sts-broker && sts-broker config example > ~/.config/sts-broker/config.toml" },
    ],
    minor: true,
  },
};
