import { checkedType } from "./lines.mjs";

/** README.md with the tables between its markers written anew. A marker of an unknown name is an error. @param bench the bench's tables */
export function readmeWithTables(text, registries, bench) {
  const tables = tablesOf(registries).set("bench", bench);
  const left = new Set(tables.keys());
  const written = text.replace(/(<!-- generated: ([\w-]+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, start, name, end) => {
    const table = tables.get(name);
    if (table === undefined) throw new Error(`README.md asks for the unknown table "${name}"`);
    left.delete(name);
    return `${start}\n${table}\n\n${end}`;
  });
  if (left.size > 0)
    throw new Error(`README.md has no place for ${[...left].join(", ")}: <!-- generated: NAME --><!-- end -->`);
  return written;
}

function tablesOf({ AUDIT_SETTINGS, PROFILE_SETTINGS, OVERRIDES, IDENTITY_SOURCES, STORES, FORMATS, COMMANDS }) {
  const automatic = STORES.filter(({ auto }) => auto);
  return new Map([
    [
      "commands",
      table(
        ["command", "what it does"],
        COMMANDS.map(({ name, summary }) => [code(name), summary]),
      ),
    ],
    [
      "profile-settings",
      table(
        ["key", "value", "meaning", "default", "flag, environment"],
        Object.entries(PROFILE_SETTINGS).map(([key, setting]) => [
          ...settingCells(key, setting),
          [OVERRIDES[key]?.flag && code(`--${OVERRIDES[key].flag}`), OVERRIDES[key]?.env && code(OVERRIDES[key].env)]
            .filter(Boolean)
            .join(", "),
        ]),
      ),
    ],
    [
      "audit-settings",
      table(
        ["key", "value", "meaning", "default"],
        Object.entries(AUDIT_SETTINGS).map(([key, setting]) => settingCells(key, setting)),
      ),
    ],
    ["identity-settings", IDENTITY_SOURCES.map(sourceSection).join("\n\n")],
    [
      "stores",
      table(
        ["`store`", "where", "protects from"],
        [
          [
            code("auto"),
            `the first of ${automatic.map(({ name }) => code(name)).join(", ")} that works`,
            "as that one does",
          ],
          ...STORES.map(({ name, summary, protects }) => [code(name), summary, protects]),
          [code("none"), "nowhere: every call asks the provider and AWS", "whoever looks for credentials"],
        ],
      ),
    ],
    [
      "formats",
      table(
        ["`--format`", "for"],
        FORMATS.map(({ name, summary }) => [code(name), summary]),
      ),
    ],
  ]);
}

function sourceSection({ kind, summary, settings }) {
  const rows = Object.entries(settings).map(([key, setting]) => settingCells(key, setting));
  return `#### \`type = "${kind}"\`\n\n${summary}\n\n${table(["key", "value", "meaning", "default"], rows)}`;
}

function settingCells(key, setting) {
  const standard = setting.required === true ? "required" : (setting.defaultText ?? "");
  return [code(key), checkedType(setting), setting.summary, standard];
}

function code(text) {
  return `\`${text}\``;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
