import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const STRACE = hasStrace();
const IN_CI = process.env.CI === "true";
/** What the SDK would choke on or be led astray by, if it looked. */
const TRAPS = {
  AWS_PROFILE: "trap",
  AWS_REGION: "trap-region-1",
  AWS_DEFAULT_REGION: "trap-region-2",
  AWS_ENDPOINT_URL: "http://192.0.2.1/trap",
  AWS_ENDPOINT_URL_STS: "http://192.0.2.1/trap",
  AWS_ACCESS_KEY_ID: "AKIATRAPTRAPTRAPTRAP",
  AWS_SECRET_ACCESS_KEY: "trap",
  AWS_SESSION_TOKEN: "trap",
  AWS_MAX_ATTEMPTS: "trap",
  AWS_RETRY_MODE: "trap",
  AWS_DEFAULTS_MODE: "trap",
  AWS_USE_FIPS_ENDPOINT: "trap",
  AWS_USE_DUALSTACK_ENDPOINT: "trap",
  AWS_AUTH_SCHEME_PREFERENCE: "trap",
  AWS_SIGV4A_SIGNING_REGION_SET: "trap",
  AWS_SDK_UA_APP_ID: "trap",
  AWS_EXECUTION_ENV: "trap",
  AWS_LAMBDA_FUNCTION_NAME: "trap",
  _X_AMZN_TRACE_ID: "trap",
};

/** As the build makes it; `sdkAsIs` leaves the provider chain in and the warning on. */
const BUILDS = { "as shipped": false, "with the SDK as it is": true };

describe.each(Object.entries(BUILDS))("an exchange %s", (_, sdkAsIs) => {
  let directory = "";
  const bundle = (): string => join(directory, "exchange.cjs");

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "sts-broker-ambient-"));
    mkdirSync(join(directory, ".aws"));
    const trap = "[default]\nregion = trap\n[profile trap]\nregion = trap\nendpoint_url = http://192.0.2.1\n";
    writeFileSync(join(directory, ".aws", "config"), `${trap}credential_process = touch ${directory}/sprung\n`);
    writeFileSync(join(directory, ".aws", "credentials"), "[trap]\naws_access_key_id = trap\n");
    await build({
      entryPoints: [join(import.meta.dirname, "ambient.fixture.ts")],
      outfile: bundle(),
      bundle: true,
      minify: true,
      platform: "node",
      format: "cjs",
      target: "node20",
      mainFields: ["module", "main"],
      logLevel: "silent",
      ...(sdkAsIs
        ? {}
        : {
            alias: {
              "@aws-sdk/credential-provider-node": join(
                import.meta.dirname,
                "../../src/exchange/no-ambient-credentials.ts",
              ),
            },
            define: { "process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": '"true"' },
          }),
    });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("takes nothing from the environment", () => {
    const { stdout } = run([process.execPath, bundle()], directory);
    expect(stdout).toMatch(/^ASIAEXAMPLEEXAMPLE12 https:\/\/sts\.eu-west-1\.amazonaws\.com\/ /);
    expect(stdout).not.toContain("trap");
  });

  it.skipIf(!STRACE && !IN_CI)(
    `neither opens nor looks for a file of ~/.aws, and connects to nobody${STRACE ? "" : " (needs strace)"}`,
    () => {
      const trace = join(directory, "trace");
      const { stdout } = run(
        [
          "strace",
          "-f",
          "-qq",
          "-s",
          "4096",
          "-e",
          "trace=%file,connect,execve",
          "-o",
          trace,
          process.execPath,
          bundle(),
        ],
        directory,
      );
      expect(stdout).toContain("ASIAEXAMPLEEXAMPLE12");
      const calls = readFileSync(trace, "utf8").split("\n");
      // The trace itself works: the program's own file is in it.
      expect(calls.some((call) => call.includes("exchange.cjs"))).toBe(true);
      expect(calls.filter((call) => call.includes("/.aws"))).toEqual([]);
      expect(calls.filter((call) => /\bconnect\(.*AF_INET/.test(call))).toEqual([]);
      expect(calls.filter((call) => /\bexecve\(/.test(call))).toHaveLength(1);
    },
  );

  if (!sdkAsIs)
    it("prints no warning about the version of Node", () => {
      expect(run([process.execPath, bundle()], directory).stderr).toBe("");
    });

  if (!sdkAsIs)
    it("has no provider chain aboard", () => {
      expect(readFileSync(bundle(), "utf8")).not.toMatch(
        /fromInstanceMetadata|AWS_CONTAINER_CREDENTIALS|credential_process/,
      );
    });
});

function run([command = "", ...argv]: readonly string[], home: string): { stdout: string; stderr: string } {
  const { stdout, stderr } = spawnSync(command, argv, {
    encoding: "utf8",
    env: { PATH: process.env.PATH, HOME: home, ...TRAPS },
  });
  return { stdout, stderr };
}

function hasStrace(): boolean {
  try {
    execFileSync("strace", ["-qq", "-e", "trace=execve", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
