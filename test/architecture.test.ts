/**
 * Who may import whom, and what the hot path must never load: design.md's rules, each with its reason, read from esbuild's metafile of the
 * sources. A failure names the import, or the chain of them, and why it matters.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const SOURCES = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => /\.tsx?$/.test(file) && !file.endsWith(".d.ts"))
  .map((file) => `src/${file.split(path.sep).join("/")}`);

type Kind = "static" | "dynamic" | "type";
interface Import {
  readonly from: string;
  readonly to: string;
  readonly kind: Kind;
}

let imports: readonly Import[];
let inputs: Metafile["inputs"];

beforeAll(async () => {
  // The build's own options are plain JavaScript.
  const script = path.join(root, ".ci", "build.mjs");
  const { common } = (await import(script)) as { common: Record<string, unknown> };
  const { metafile } = await build({
    ...common,
    entryPoints: ["bin/sts-broker.ts", ...SOURCES],
    outdir: "dist-architecture",
    splitting: true,
    metafile: true,
    write: false,
    external: [...(common.external as string[]), "bun:ffi", "*.node"],
  });
  ({ inputs } = metafile);
  imports = ["bin/sts-broker.ts", ...SOURCES].flatMap(importsOf);
});

/** What runs, from the metafile; what only types need, from the text, since esbuild leaves it out. */
function importsOf(from: string): Import[] {
  const found = (inputs[from]?.imports ?? []).map(
    ({ path: to, kind }): Import => ({ from, to, kind: kind === "dynamic-import" ? "dynamic" : "static" }),
  );
  const text = readFileSync(path.join(root, from), "utf8");
  for (const [, specifier = ""] of text.matchAll(/(?:import|export) type [^;]*? from "(\.[^"]+)"/g)) {
    found.push({ from, to: path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier)), kind: "type" });
  }
  return found;
}

interface Rule {
  /** Files this rule is about. */
  readonly room: RegExp;
  readonly reason: string;
  readonly runs: readonly RegExp[];
  /** Besides what may run. */
  readonly types?: readonly RegExp[];
  /** "listed": even imports within the room have to be in the lists. */
  readonly inside?: "listed";
  /** Besides static imports. */
  readonly dynamic?: readonly RegExp[];
}

const CORE = /^src\/core\//;
const HOST_TYPES = /^src\/host\/host\.ts$/;
const SOURCE_TYPES = /^src\/identity\/(source|presenter)\.ts$/;
const CONFIG = /^src\/config\//;
const IDENTITY = /^src\/identity\//;

/** The first rule whose room fits is a file's own. Imports within a room are its own affair, unless the rule says otherwise. */
const RULES: readonly Rule[] = [
  { room: CORE, reason: "everybody builds on core, so it can build on nobody", runs: [] },
  {
    room: /^src\/host\//,
    reason: "the host offers side effects to all rooms and may know of none",
    runs: [CORE],
  },
  {
    room: CONFIG,
    reason:
      "what a configuration says must not depend on how it is used: sources, stores and formats are handed in by name",
    runs: [CORE],
    types: [HOST_TYPES],
  },
  {
    room: /^src\/assertion\//,
    reason: "reading a token is pure, so that it can be fuzzed and explained without a network",
    runs: [CORE],
  },
  {
    room: /^src\/exchange\//,
    reason: "an exchange knows assertions, not where they came from",
    runs: [CORE],
    types: [HOST_TYPES],
  },
  {
    room: /^src\/cache\//,
    reason: "the cache keeps what it is given and is on the hot path",
    runs: [CORE],
    types: [HOST_TYPES],
  },
  {
    room: /^src\/audit\//,
    reason:
      "a record is made of what it is handed: it must not depend on who proved what to whom, nor slow a cached answer",
    runs: [CORE],
    types: [HOST_TYPES, CONFIG],
  },
  {
    room: /^src\/setup\//,
    reason: "what would be written is worked out from answers alone, to be shown and refused before a file is touched",
    runs: [CORE, CONFIG, /^src\/assertion\//],
    types: [HOST_TYPES, /^src\/identity\/presenter\.ts$/],
  },
  {
    room: /^src\/trust\//,
    reason: "what AWS needs is said from the proof alone, so that it can be held against the judge of trust policies",
    runs: [CORE, /^src\/assertion\//],
  },
  {
    room: /^src\/ui\//,
    reason: "screens show what they are handed: in their bundle of their own another room would be a second copy of it",
    runs: [CORE],
    types: [HOST_TYPES],
  },
  { room: /^src\/emit\//, reason: "formats are pure: credentials in, text out", runs: [CORE] },
  {
    room: /^src\/identity\/lib\//,
    reason: "what sources share knows no source, only what every source gets and brings",
    inside: "listed",
    runs: [CORE, /^src\/identity\/lib\//],
    types: [HOST_TYPES, SOURCE_TYPES],
  },
  {
    room: /^src\/identity\/registry\.ts$/,
    reason: "the registry is the one place that knows all sources",
    runs: [IDENTITY],
  },
  {
    room: IDENTITY,
    reason: "a source proves who we are and knows neither cache, STS nor another source",
    inside: "listed",
    runs: [CORE, /^src\/identity\/lib\//],
    types: [HOST_TYPES, SOURCE_TYPES],
  },
  {
    room: /^src\/broker\/mint\.ts$/,
    reason: "the door of the cold rooms: it alone joins identity, assertion, exchange and audit",
    runs: [CORE, /^src\/audit\//, /^src\/assertion\//, /^src\/exchange\//, IDENTITY, CONFIG],
    types: [HOST_TYPES, /^src\/cache\//, /^src\/broker\//],
  },
  {
    room: /^src\/broker\/refresh\.ts$/,
    reason: "a timer's run is cold from the start, and renews by the same rules as everybody",
    inside: "listed",
    runs: [CORE, /^src\/broker\/(at-most|renew|schedule)\.ts$/],
    types: [HOST_TYPES, /^src\/cache\//, /^src\/broker\//],
  },
  {
    room: /^src\/broker\/(login|logout|end-login|forget)\.ts$/,
    reason: "a person is waited for: cold from the start, and what it leaves goes where everybody looks for it",
    inside: "listed",
    runs: [
      CORE,
      /^src\/cache\//,
      /^src\/broker\/(backoff|deadline|end-login|forget|login-turn|mint|obtain|session|wait-for-lock)\.ts$/,
    ],
    types: [HOST_TYPES, SOURCE_TYPES, CONFIG, /^src\/broker\//],
  },
  {
    room: /^src\/broker\//,
    reason: "the hot path loads the cache and nothing else; the cold rooms come by import() through mint.ts",
    inside: "listed",
    runs: [CORE, /^src\/cache\//, /^src\/broker\/(at-most|backoff|budget|deadline|login-turn|turn|wait-for-lock)\.ts$/],
    types: [HOST_TYPES, SOURCE_TYPES, CONFIG, /^src\/broker\//],
    dynamic: [/^src\/broker\/(renew|mint)\.ts$/],
  },
  {
    room: /^src\/commands\/registry\.ts$/,
    reason: "every start loads it: names and options statically, what a command does by import()",
    inside: "listed",
    runs: [
      CORE,
      /^src\/emit\/registry\.ts$/,
      /^src\/trust\/format-names\.ts$/,
      /^src\/commands\/(profile-options|report-options|setup-options|command)\.ts$/,
    ],
    dynamic: [/^src\/commands\//],
  },
  {
    room: /^src\/doctor\//,
    reason:
      "doctor looks into every room and changes none; only what a person runs may depend on it, and no call of AWS tools",
    runs: [
      CORE,
      CONFIG,
      /^src\/cache\//,
      /^src\/assertion\//,
      /^src\/audit\/sink\.ts$/,
      /^src\/exchange\/sts-endpoint\.ts$/,
      /^src\/broker\/(budget|deadline|prove|report)\.ts$/,
      /^src\/identity\/(registry|lib\/(kerberos-error|path|saml-metadata|secret-source))\.ts$/,
    ],
    types: [HOST_TYPES, SOURCE_TYPES, /^src\/identity\/lib\/kerberos-settings\.ts$/],
  },
  {
    room: /^src\/commands\/(doctor|doctor-report|config-check)\.ts$/,
    reason: "they say what the doctor found, all of it or what concerns the files",
    runs: [CORE, CONFIG, /^src\/doctor\//, /^src\/commands\//],
    types: [HOST_TYPES],
  },
  {
    room: /^src\/commands\/config-show\.ts$/,
    reason: "it judges an identity, so it needs the sources' settings; no other command does",
    runs: [
      CORE,
      CONFIG,
      /^src\/cache\/cache\.ts$/,
      /^src\/identity\/(registry|lib\/(secret-source|path))\.ts$/,
      /^src\/commands\//,
    ],
    types: [HOST_TYPES],
  },
  {
    room: /^src\/commands\//,
    reason: "a command joins configuration, broker and a format",
    runs: [
      CORE,
      CONFIG,
      /^src\/broker\/(adopt|login|logout|obtain|prove|refresh|report)\.ts$/,
      /^src\/emit\//,
      /^src\/cache\/cache\.ts$/,
      /^src\/(trust|setup)\//,
      /^src\/assertion\//,
      /^src\/commands\//,
    ],
    types: [HOST_TYPES, /^src\/identity\/presenter\.ts$/, /^src\/ui\//],
    dynamic: [/^src\/doctor\/configuration-problems\.ts$/, IDENTITY, /^src\/ui\//],
  },
  {
    room: /^src\/main\.ts$/,
    reason: "main maps a command line to a command and an error to an exit code, and everything else is below it",
    runs: [CORE, /^src\/commands\/(parse-hot|registry|command)\.ts$/],
    types: [HOST_TYPES],
    dynamic: [/^src\/commands\/parse\.ts$/, /^src\/host\/http\/request\.ts$/],
  },
  {
    room: /^bin\//,
    reason: "the executable builds the host and runs main",
    runs: [/^src\/main\.ts$/, /^src\/host\//],
    dynamic: [/^src\/host\//],
  },
];

function roomOf(file: string): string {
  return file.split("/").slice(0, 2).join("/");
}

describe("the import rules", () => {
  it("cover every source", () => {
    expect(SOURCES.filter((file) => !RULES.some(({ room }) => room.test(file)))).toEqual([]);
    expect(SOURCES.length).toBeGreaterThan(80);
  });

  for (const rule of RULES) {
    it(`of ${rule.room.source.replaceAll("\\", "")}: ${rule.reason}`, () => {
      const own = imports.filter(({ from }) => RULES.find(({ room }) => room.test(from)) === rule);
      const broken = own.filter(({ from, to, kind }) => {
        if (!to.startsWith("src/") && !to.startsWith("bin/")) return false;
        if (rule.inside !== "listed" && roomOf(from) === roomOf(to)) return false;
        const allowed = [
          ...rule.runs,
          ...(kind === "type" ? (rule.types ?? []) : []),
          ...(kind === "dynamic" ? (rule.dynamic ?? []) : []),
        ];
        return !allowed.some((one) => one.test(to));
      });
      expect(broken.map(({ from, to, kind }) => `${from} -> ${to} (${kind}): ${rule.reason}`)).toEqual([]);
    });
  }
});

describe("side effects live in src/host and bin alone", () => {
  const outside = SOURCES.filter((file) => !file.startsWith("src/host/"));
  const FORBIDDEN: readonly [what: string, pattern: RegExp, reason: string][] = [
    ["process", /(?<![\w."'`/-])process\s*[.[]/, "the host is the only seam; tests replace it whole"],
    ["fetch()", /(?<![\w.])fetch\s*\(/, "one HTTP stack: under Bun fetch ignores CA and proxy settings"],
    ["Date.now()", /\bDate\.now\s*\(|\bnew Date\(\s*\)/, "time is the host's clock, so that tests can move it"],
    ["performance.now()", /\bperformance\.now\b/, "time is the host's clock"],
    ["timers", /(?<![\w.])set(Timeout|Interval|Immediate)\s*\(/, "waiting is the host's clock"],
    ["console", /(?<![\w.])console\s*\./, "stdout carries the payload and nothing else"],
    [
      "node:fs",
      /(from |import\(|require\()"(node:)?fs(\/promises)?"/,
      "files are read through the host, with owners and modes judged",
    ],
    [
      "child_process",
      /(from |import\(|require\()"(node:)?child_process"/,
      "children get a scrubbed environment, which host/spawn.ts sees to",
    ],
    [
      "sockets",
      /(from |import\(|require\()"(node:)?(net|tls|dgram|dns|http|https|http2)"/,
      "one HTTP stack, in host/http",
    ],
    ["node:os", /(from |import\(|require\()"(node:)?os"/, "the machine's names come from host.system"],
    ["eval", /\beval\s*\(|\bnew Function\b/, "nothing that is read is ever run"],
  ];
  it.each(FORBIDDEN)("not %s elsewhere", (what, pattern, reason) => {
    const found = outside.flatMap((file) =>
      code(file)
        .split("\n")
        .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1} uses ${what}: ${reason}`] : [])),
    );
    expect(found).toEqual([]);
  });
});

describe("src/host/bun", () => {
  const names = (file: string): string[] =>
    [...code(file).matchAll(/^export (?:async )?(?:function|const) (\w+)/gm)].map(([, name]) => name ?? "");
  const standIns = SOURCES.filter((file) => file.startsWith("src/host/bun/"));
  const usedThereAlone = ["src/host/bun/embedded-addon.ts"];

  it.each(standIns.filter((file) => !usedThereAlone.includes(file)))("%s can stand in for its namesake", (file) => {
    const namesake = file.replace("/bun/", "/");
    expect(SOURCES).toContain(namesake);
    expect(names(file)).toEqual(expect.arrayContaining(names(namesake)));
  });

  it("is known to nobody outside: the build alone puts it in place", () => {
    expect(
      imports.filter(({ from, to }) => to.startsWith("src/host/bun/") && !from.startsWith("src/host/bun/")),
    ).toEqual([]);
  });
});

/** A source without its comments, which may say what they like; lines stay where they are. */
function code(file: string): string {
  return readFileSync(path.join(root, file), "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|\s)\/\/.*$/gm, "$1")
    .replace(/^import type .*$/gm, "");
}

describe("the hot path", () => {
  /** What a warm call loads: the entry, the two hot commands and what they import() on every run. */
  const HOT = [
    "bin/sts-broker.ts",
    "src/commands/credential-process.ts",
    "src/commands/env.ts",
    "src/host/keychain/keychain.ts",
    "src/host/keyring.ts",
    "src/host/syscall.ts",
  ];
  const NEVER: readonly [pattern: RegExp, reason: string][] = [
    [/node_modules\/commander\//, "7 ms, a third of a whole cached call"],
    [
      /node_modules\/(ink|react|react-reconciler|yoga-layout)\//,
      "only a command that talks to a person needs a screen",
    ],
    [/node_modules\/@(aws-sdk|smithy|aws-crypto|aws)\//, "40 ms, and only the exchange calls AWS"],
    [/node_modules\/(openid-client|oauth4webapi|jose)\//, "30 ms, and only a source talks to an identity provider"],
    [/node_modules\/(toml-eslint-parser|eslint-visitor-keys)\//, "only an error needs line and column"],
    [/node_modules\/(https-proxy-agent|proxy-agent|agent-base|debug)\//, "no request is made"],
    [
      /node_modules\/(samlify|parse5|tough-cookie|fast-xml-parser|zod|ajv)\//,
      "no XML, HTML or schema on a cached call",
    ],
    [/^(node:)?(https?|http2|tls)$/, "3 ms, and no request is made"],
    [/^(node:)?(child_process|dns|inspector|worker_threads|readline|zlib)$/, "nothing is started, resolved or asked"],
    [/^(keytar|fs-native-extensions|kerberos|koffi)$/, "a native addon takes milliseconds to load"],
    [
      /^src\/(identity|exchange|assertion|audit|doctor|ui)\//,
      "a cached answer was proved, exchanged and recorded before",
    ],
    [
      /^src\/broker\/(renew|turn|mint|pacing|paced-http|budget|session|login|login-turn|logout|end-login|forget)\.ts$/,
      "the cold path",
    ],
  ];

  it.each(NEVER)("never loads %s: %s", (pattern, reason) => {
    const chains = HOT.flatMap((entry) => reach(entry, pattern));
    expect(chains.map((chain) => `${chain.join(" -> ")}: ${reason}`)).toEqual([]);
  });

  it("loads no package but the TOML parser", () => {
    const seen = new Set<string>();
    for (const entry of HOT) walk(entry, (file) => void seen.add(file));
    const packages = [...seen].flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
    expect([...new Set(packages)]).toEqual(["smol-toml"]);
  });

  it("is looked at with a graph that reaches the cold rooms when asked to", () => {
    expect(reach("src/broker/mint.ts", /^src\/identity\/registry\.ts$/)).not.toEqual([]);
    expect(reach("src/commands/parse.ts", /node_modules\/commander\//)).not.toEqual([]);
  });

  /** The shortest chain of static imports from an entry to a forbidden module, if there is one. */
  function reach(entry: string, pattern: RegExp): string[][] {
    let found: string[][] = [];
    walk(entry, (file, chain) => {
      if (found.length === 0 && pattern.test(file)) found = [[...chain, file]];
    });
    return found;
  }

  function walk(entry: string, visit: (file: string, chain: readonly string[]) => void): void {
    const queue: (readonly [file: string, chain: readonly string[]])[] = [[entry, []]];
    const seen = new Set<string>();
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [file, chain] = next;
      if (seen.has(file)) continue;
      seen.add(file);
      visit(file, chain);
      for (const { path: to, kind } of inputs[file]?.imports ?? [])
        if (kind !== "dynamic-import") queue.push([to, [...chain, file]]);
    }
  }
});
