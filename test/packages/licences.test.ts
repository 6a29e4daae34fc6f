import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { document } from "../docs/documents.ts";
import { describeSystem } from "../system/servers/requirements.ts";
import { BUILDING, BUILDING_MS, release, temporaryFolder, theStandalone } from "./release.ts";

const RULE = /^-{80}$/m;
const GRANTS = /permission|redistribution|licensed under|terms and conditions/i;

/** Notices of packages, as name and what follows the line with name, version and licence. */
function notices(text: string): (readonly [string, string])[] {
  return text.split(RULE).flatMap((part) => {
    const [, name = "", its = ""] = /^(\S+) \d\S* \(.+?\)\n([\s\S]*)/m.exec(part) ?? [];
    return name === "" ? [] : [[name, its] as const];
  });
}

describe("the notices of the npm package", () => {
  const folder = temporaryFolder();
  afterAll(() => folder.remove());

  it("have the text of each licence, who holds the copyright included", () => {
    const all = new Map(notices(document("dist/LICENSES.txt")));
    expect(all.size).toBeGreaterThan(50);
    expect([...all].filter(([, text]) => !GRANTS.test(text)).map(([name]) => name)).toEqual([]);
    expect(all.get("node-rsa")).toMatch(/\(c\) 2014 +rzcoder[\s\S]*\(c\) 2003-2005 +Tom Wu[\s\S]*condition/);
    expect(all.get("yoga-layout")).toContain("Copyright (c) Meta Platforms, Inc.");
    expect(all.get("proxy-agent-negotiate")).toContain("Copyright (c) Nathan Rajlich");
  });

  it("cannot be made of a package that has none", async () => {
    const { licenceNotice } = await release<{ licenceNotice: (directory: string) => string }>("../licence-text.mjs");
    const silent = path.join(folder.path, "silent");
    mkdirSync(silent);
    writeFileSync(path.join(silent, "package.json"), '{ "name": "silent", "version": "1.0.0", "license": "MIT" }');
    writeFileSync(path.join(silent, "README.md"), "# silent\n\n## License\n\nMIT\n\n## Use\n\nwith permission\n");
    expect(() => licenceNotice(silent)).toThrow("silent 1.0.0 brings no text of its licence along");
    writeFileSync(path.join(silent, "LICENSE"), "");
    expect(() => licenceNotice(silent)).toThrow("silent 1.0.0 brings no text of its licence along");
  });
});

describeSystem("the notices of the executable", BUILDING, () => {
  it(
    "have the addons', Bun's and the LGPL's texts, and name what Bun holds",
    async () => {
      const { arch } = await theStandalone();
      const { thirdPartyLicences } = await release<{ thirdPartyLicences: (arch: string) => string }>("licences.mjs");
      const text = thirdPartyLicences(arch);
      const all = new Map(notices(text));
      for (const one of ["kerberos", "@github/keytar", "Bun"]) expect(all.get(one), one).toMatch(GRANTS);
      expect(all.get("Bun")).toMatch(
        /Copyright \(c\) Oven[\s\S]*JavaScriptCore[\s\S]*boringssl[\s\S]*stream-browserify: MIT/,
      );
      expect(text.match(/GNU (LESSER|LIBRARY) GENERAL PUBLIC LICENSE/g)?.length).toBeGreaterThanOrEqual(2);
    },
    BUILDING_MS,
  );
});
