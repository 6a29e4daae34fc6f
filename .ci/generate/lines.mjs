// What the generators share: how a setting is told in words.

/** Every command word there is: verbs, and for verbs with a subject the first word with its followers. */
export function commandTree(commands) {
  const tree = new Map();
  for (const command of commands) {
    const [first, second] = command.name.split(" ");
    if (!tree.has(first)) tree.set(first, { command: undefined, children: new Map() });
    if (second === undefined) tree.get(first).command = command;
    else tree.get(first).children.set(second, command);
  }
  return tree;
}

/** What --help calls a group of commands. */
export const GROUP_SUMMARY = "the configuration";

const HELP = { name: "help", short: "h", summary: "show help" };

/** The options of a command in the order of --help. */
export function optionsOf(command, common) {
  return [...command.options, ...common, HELP];
}

/** What completes an option's value where there are no choices; undefined: nothing does. */
export function valueKind({ name, value, choices }) {
  if (value === undefined || choices !== undefined) return undefined;
  if (name === "profile") return "profile";
  return value === "FILE" ? "file" : undefined;
}

/** The commands that take operands of this kind. */
export function withOperands(commands, kind) {
  return commands.filter(({ operands }) => operands?.kind === kind).map(({ name }) => name);
}

/** Prints the names of the profiles, and nothing else: a configuration with an error must not write into the line being typed. */
export const PROFILES_COMMAND = "command sts-broker config profiles 2>/dev/null";

/** The form a value takes, for tables and man pages. */
function typeText({ type, oneOf, minimum, maximum }) {
  if (oneOf !== undefined) return oneOf.map((one) => `"${one}"`).join(", ");
  const bounds = minimum !== undefined && maximum !== undefined ? `, ${minimum} to ${maximum}` : "";
  return `${TYPES[type]}${type === "integer" ? bounds : ""}`;
}

const TYPES = {
  string: "string",
  integer: "integer",
  boolean: "true or false",
  path: "absolute path, or ~/…",
  url: "https URL",
  secret: "place of a secret",
  argv: "list of strings",
  strings: "list of strings",
  "string-or-strings": "string, or list of strings",
  "string-table": "table of strings",
};

/** Fails on a type that nobody has words for. */
export function checkedType(setting) {
  if (setting.oneOf === undefined && TYPES[setting.type] === undefined)
    throw new Error(`.ci/generate/lines.mjs has no words for the setting type "${setting.type}"`);
  return typeText(setting);
}

/** Claims and header parameters, which are written small. */
const NAMES = ["aud", "kid"];

export function sentence(text) {
  const first = text.split(" ")[0];
  // A name that is written small stays small.
  const capital =
    /^[a-z][a-z-]*[:,]?$/.test(first) && !NAMES.includes(first) ? text[0].toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
