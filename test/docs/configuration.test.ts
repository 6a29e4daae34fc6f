import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/commands/registry.ts";
import type { Host } from "../../src/host/host.ts";
import { IDENTITY_SOURCES } from "../../src/identity/registry.ts";
import { makeSandbox, type Sandbox } from "../support/program.ts";
import { document, manBlocks, markdownBlocks } from "./documents.ts";

const isConfiguration = (block: string): boolean => /^\[(identity|profile)\./m.test(block);

async function example(): Promise<string> {
  let text = "";
  const streams = {
    writeOut(piece: string) {
      text += piece;
    },
  };
  const command = COMMANDS.find(({ name }) => name === "config example");
  await (await command?.load())?.run({ streams } as unknown as Host, { options: {}, operands: [] });
  return text;
}

const BLOCKS: [where: string, block: string][] = [
  ...markdownBlocks(document("README.md"), "toml").map((block): [string, string] => ["README.md", block]),
  ...manBlocks(document("man/sts-broker-config.5"))
    .filter(isConfiguration)
    .map((block): [string, string] => ["man/sts-broker-config.5", block]),
  ["config example", await example()],
];

describe("the configurations of the documents", () => {
  let sandbox: Sandbox;
  beforeEach(() => {
    sandbox = makeSandbox();
  });
  afterEach(() => sandbox.remove());

  it("are found", () => expect(BLOCKS.length).toBeGreaterThanOrEqual(12));

  it.each(IDENTITY_SOURCES.map(({ kind }) => kind))("show one of the type %s", (kind) => {
    expect(BLOCKS.some(([, block]) => block.includes(`type = "${kind}"`))).toBe(true);
  });

  it.each(BLOCKS)("%s: passes the strict check (block %#)", async (_, block) => {
    // The check looks for files, and those of the documents are nowhere.
    const there = sandbox.file("secret", "x");
    sandbox.configure(block.replace(/\b(file|keytab|ca_file|client_certificate) = "[^"]*"/g, `$1 = "${there}"`));
    const { status, stderr } = await sandbox.run(["config", "check"]);
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
});

describe("the strict check itself", () => {
  it("refuses a block with a key that does not exist", async () => {
    const sandbox = makeSandbox();
    try {
      const [, block = ""] = BLOCKS[0] ?? [];
      sandbox.configure(block.replace("client_id", "client_identifier"));
      expect((await sandbox.run(["config", "check"])).status).toBe(2);
    } finally {
      sandbox.remove();
    }
  });
});

describe("the quick start's file of the secret", () => {
  it("is private when it is made as README says", () => {
    const sandbox = makeSandbox();
    try {
      const line = /^\(umask 077; cat > .*billing\.secret\)/m.exec(document("README.md"))?.[0] ?? "";
      execFileSync("bash", ["-c", `mkdir -p ~/.config/sts-broker && ${line}`], {
        env: sandbox.env,
        input: "s3cret\n",
        encoding: "utf8",
      });
      const mode = execFileSync("stat", ["-c", "%a", `${sandbox.home}/.config/sts-broker/billing.secret`]);
      expect(String(mode).trim()).toBe("600");
    } finally {
      sandbox.remove();
    }
  });
});
