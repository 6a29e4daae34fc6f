// Everything that man pages, completions and tables are made from. generate.mjs bundles this file and imports the result.

export { STORES } from "../../src/cache/stores/registry.ts";
export { GROUPS as HELP_GROUPS, HELP_TEXTS } from "../../src/commands/help-texts.ts";
export { COMMANDS, COMMON_OPTIONS } from "../../src/commands/registry.ts";
export { AUDIT_SETTINGS } from "../../src/config/audit.ts";
export { SECRET_PLACES } from "../../src/config/check-settings.ts";
export { OVERRIDES, PROFILE_SETTINGS } from "../../src/config/profile-settings.ts";
export { FORMATS } from "../../src/emit/registry.ts";
export { IDENTITY_SOURCES } from "../../src/identity/registry.ts";
export { HISTORY, lastRecord } from "../../test/bench/report/history.ts";
export { picture } from "../../test/bench/report/picture.ts";
export { benchSection } from "../../test/bench/report/readme.ts";
