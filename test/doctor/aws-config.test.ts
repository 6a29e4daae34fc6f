import { describe, expect, it } from "vitest";
import { wordsOf } from "../../src/doctor/aws-files.ts";
import { awsConfig } from "../../src/doctor/checks/aws-config.ts";
import { type Looking, look, said } from "./looking.ts";

const LINE = "credential_process = /usr/bin/sts-broker credential-process --profile billing";
const WIRED = `[profile billing]\n${LINE}\n`;
const FINE = "ok: [profile billing] gets its credentials from the sts-broker profile billing";

const at = (config: string, { credentials = "", ...options }: Looking & { credentials?: string } = {}) =>
  look(awsConfig, {
    ...options,
    arrange: (host) => {
      host.machine.disk.file("/usr/bin/sts-broker", "", { mode: 0o755 });
      if (config !== "") host.machine.disk.file("/home/ana/.aws/config", config);
      if (credentials !== "") host.machine.disk.file("/home/ana/.aws/credentials", credentials);
      options.arrange?.(host);
    },
  });

describe("~/.aws/config", () => {
  it("is in order with an absolute path and a profile that there is", async () => {
    expect(said(await at(WIRED))).toEqual([FINE]);
  });

  it("is in order with a program on PATH, quotes, --profile= and without --profile where there is one", async () => {
    const env = { PATH: "/bin:/usr/bin" };
    for (const line of [
      'sts-broker credential-process --profile="billing"',
      "sts-broker credential-process -p 'billing'",
      "sts-broker credential-process",
    ])
      expect(said(await at(`[profile billing]\ncredential_process = ${line}\n`, { env }))).toEqual([FINE]);
  });

  it("has a line to paste where nothing names sts-broker", async () => {
    const [line] = await at("[profile other]\nregion = eu-west-1\n");
    expect(line).toMatchObject({ state: "skipped", detail: "no profile of ~/.aws/config names sts-broker" });
    expect(line?.hint).toContain("credential_process = sts-broker credential-process --profile billing");
  });

  it.each([
    ["/opt/sts-broker credential-process", /names \/opt\/sts-broker, which is not there/],
    ["sts-broker credential-process", /names sts-broker, which is not on this PATH/],
    ["bin/sts-broker credential-process", /names the relative path bin\/sts-broker/],
    ["~/bin/sts-broker credential-process", /replace neither ~ nor variables/],
    ["/usr/bin/sts-broker env --profile billing", /runs "sts-broker env", which does not speak to AWS tools/],
    [
      "/usr/bin/sts-broker credential-process --profile biling",
      /asks for the sts-broker profile "biling", which is not/,
    ],
  ])("fails with %s", async (line, expected) => {
    const [found, ...others] = await at(`[profile x]\ncredential_process = ${line}\n`);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ state: "failed", exitCode: 2 });
    expect(found?.detail).toMatch(expected);
    expect(found?.hint).toBeDefined();
  });

  it("names keys of the same profile in ~/.aws/credentials, which come first, and never shows them", async () => {
    const credentials = "[billing]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = abc\n";
    const lines = await at(WIRED, { credentials });
    expect(said(lines)).toEqual([
      FINE,
      expect.stringMatching(/^failed: long-lived keys of \[billing\] in ~\/\.aws\/credentials shadow/),
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/AKIA|abc/);
    expect(said(await at(WIRED, { credentials: credentials.replace("[billing]", "[other]") }))).toEqual([FINE]);
  });

  it("is read where AWS's own variables say it is", async () => {
    const env = { AWS_CONFIG_FILE: "/srv/aws.conf", AWS_SHARED_CREDENTIALS_FILE: "/srv/keys" };
    const arrange: Looking["arrange"] = (host) => {
      host.machine.disk.file("/srv/aws.conf", WIRED);
      host.machine.disk.file("/srv/keys", "[billing]\naws_access_key_id=AKIAIOSFODNN7EXAMPLE\n");
    };
    expect(said(await at("", { env, arrange }))).toEqual([FINE, expect.stringContaining("in /srv/keys shadow")]);
  });

  it("tells of variables that stand above every profile", async () => {
    const env = { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_PROFILE: "gone" };
    const lines = await at(WIRED, { env });
    expect(said(lines).slice(1)).toEqual([
      expect.stringMatching(/^warning: AWS_ACCESS_KEY_ID is set/),
      expect.stringMatching(/^warning: AWS_PROFILE is gone, which/),
    ]);
    expect(JSON.stringify(lines)).not.toContain("AKIA");
  });
});

describe("a line of credential_process", () => {
  it.each([
    ["a b  c", ["a", "b", "c"]],
    [`"a b" 'c d'e f\\ g`, ["a b", "c de", "f g"]],
    [`"C:\\\\x \\"y\\""`, ['C:\\x "y"']],
    ["", []],
  ])("%s", (line, words) => expect(wordsOf(line)).toEqual(words));
});
