/** What one key of a configuration table may hold. Validation, `config show`, man pages and README tables are made from it. */
export interface SettingSpec {
  readonly type: SettingType;
  /** One line for a person, lowercase, no full stop. */
  readonly summary: string;
  readonly required?: boolean;
  /** A string that may hold tabs and line ends, as JSON does. */
  readonly multiline?: boolean;
  readonly oneOf?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  /** Shown in the documentation; the code that uses the setting applies it. */
  readonly defaultText?: string;
}

export type SettingType =
  | "string"
  | "integer"
  | "boolean"
  /** An absolute path, or one that starts with ~/ */
  | "path"
  /** https, or http to loopback */
  | "url"
  /** { file }, { env }, { credential }, { keychain } or { command }; never a bare string */
  | "secret"
  /** A program and its arguments; no shell */
  | "argv"
  | "strings"
  | "string-or-strings"
  /** A table of strings */
  | "string-table";

export type SettingsSpec = Readonly<Record<string, SettingSpec>>;

/** A setting that its source cannot use, for reasons a type does not tell. The caller adds file, line and column. */
export class SettingError extends Error {
  readonly key: string;
  readonly hint: string | undefined;

  constructor(key: string, message: string, hint?: string) {
    super(message);
    this.name = "SettingError";
    this.key = key;
    this.hint = hint;
  }
}
