import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createCertificateAuthority, type Validity } from "../support/certificates.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, type RunOptions, runProgram } from "../support/program.ts";
import { warmUp } from "./black-box.ts";

interface Line {
  readonly id: string;
  readonly state: "ok" | "warning" | "failed" | "skipped";
  readonly detail: string;
  readonly hint: string | null;
}

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  for (const name of [".cache", ".aws"]) rmSync(path.join(job.sandbox.home, name), { recursive: true, force: true });
  job.world.reset();
  job.configure();
});
afterAll(() => job.close());

/** The executable as AWS tools would call it. */
const SELF = programUnderTest();

async function doctor(args: readonly string[] = [], options?: RunOptions) {
  const { status, stdout, stderr } = await job.sandbox.run(["doctor", "--json", ...args], options);
  expect(stderr).toBe("");
  const lines = JSON.parse(stdout) as Line[];
  const of = (state: Line["state"]): string[] =>
    lines.filter((line) => line.state === state).map(({ id, detail }) => `${id}: ${detail}`);
  return { status, lines, failed: of("failed"), warnings: of("warning"), ok: of("ok") };
}

/** The one failure of a run, with its exit code. */
async function failure(options?: RunOptions): Promise<Line & { readonly status: number | undefined }> {
  const { status, lines } = await doctor([], options);
  const [first] = lines.filter(({ state }) => state === "failed");
  if (first === undefined) throw new Error("nothing has failed");
  return { status, ...first };
}

describe("doctor, where all is well", () => {
  it("proves identity and asks STS, without a session of anybody's, and ends with 0", async () => {
    const { status, failed, warnings, ok } = await doctor();
    expect({ status, failed }).toEqual({ status: 0, failed: [] });
    expect(ok.join("\n")).toMatch(/dry-run: the identity provider gave the access token of /);
    expect(ok.join("\n")).toMatch(/dry-run: nothing in it is against arn:aws:iam::123456789012:role/);
    expect(ok.join("\n")).toMatch(/sts: .* answers as STS does: an unsigned call is MissingAuthenticationToken/);
    // This machine's provider is one that AWS could not reach.
    expect(warnings.filter((one) => !one.startsWith("issuer: "))).toEqual([]);
    expect(job.world.sts.count("AssumeRoleWithWebIdentity")).toBe(0);
  });

  it("looks at one profile alone", async () => {
    job.configure({ after: '[profile.other]\nidentity = "gone"\nrole_arn = "arn:aws:iam::123456789012:role/x"' });
    expect((await doctor()).status).toBe(2);
    const { status, ok, warnings } = await doctor(["--profile", "billing"]);
    expect(status).toBe(0);
    expect(warnings.join("\n")).toMatch(/configuration: elsewhere: .*there is no \[identity\.gone\]/);
    expect(ok.filter((one) => one.startsWith("dry-run"))).toHaveLength(2);
  });

  it("writes one line a finding for people, and nothing on stderr", async () => {
    const { status, stdout, stderr } = await job.sandbox.run(["doctor"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^✓ program +npm package on Node|^✓ program +standalone executable/m);
    expect(stdout).toMatch(/\nNothing has failed; \d+ warnings?\.\n$/);
    expect(stdout).not.toMatch(/[^\n\P{Cc}]/u);
  });
});

describe("doctor, where something is wrong", () => {
  it("an issuer that calls itself something else", async () => {
    const toml = job.configure();
    job.sandbox.configure(
      readFileSync(toml, "utf8").replace(`issuer = "${job.world.op.issuer}"`, `issuer = "${job.world.op.issuer}/"`),
    );
    const found = await failure();
    expect(found).toMatchObject({ status: 2, id: "discovery", hint: `issuer = "${job.world.op.issuer}"` });
  });

  it("an issuer that is not there", async () => {
    job.world.op.faults.always("/.well-known/openid-configuration", { kind: "status", status: 404 });
    const { status, failed } = await doctor();
    expect(status).toBe(5);
    expect(failed.join("\n")).toMatch(/discovery: there is nothing at http:.*HTTP 404/);
  });

  it("a secret that the provider does not take", async () => {
    job.sandbox.file("wrong.secret", "not-the-secret-that-it-knows-0123456789");
    const identity = job.world.op.clients.secretBasic.clientId;
    const text = readFileSync(job.configure(), "utf8").replace("billing.secret", "wrong.secret");
    job.sandbox.configure(text);
    const found = await failure();
    expect(found).toMatchObject({ status: 4, id: "dry-run" });
    expect(found.detail).toContain(identity);
    expect(found.hint).not.toBeNull();
  });

  it("a secret that is open to others, or not there", async () => {
    const open = job.sandbox.file("open.secret", "x".repeat(40), 0o644);
    const text = readFileSync(job.configure(), "utf8");
    job.sandbox.configure(text.replace(/client_secret = .*/, `client_secret = { file = "${open}" }`));
    expect((await doctor()).lines).toContainEqual(
      expect.objectContaining({ id: "permissions", state: "failed", hint: "chmod 600 ~/open.secret" }),
    );
    job.sandbox.configure(text.replace(/client_secret = .*/, 'client_secret = { file = "/nonexistent/secret" }'));
    expect(await failure()).toMatchObject({
      status: 2,
      id: "configuration",
      detail: expect.stringMatching(/:6:1: .*does not exist/),
    });
  });

  it("a clock that is ten minutes off", async () => {
    job.world.op.setDateSkewMs(600_000);
    job.world.sts.setDateSkewMs(600_000);
    const found = await failure();
    expect(found).toMatchObject({ status: 2, id: "clock", hint: "timedatectl set-ntp true" });
    expect(found.detail).toMatch(/^this machine's clock is 10 min behind the identity provider/);
  });

  it("an STS that is a web page, or nobody", async () => {
    job.world.sts.html();
    expect((await doctor()).failed.join("\n")).toMatch(/sts: .* does not answer as STS does \(HTTP \d+, text\/html/);
    job.world.reset();
    job.configure({ profile: "" });
    const text = readFileSync(job.configure(), "utf8").replace(job.world.sts.url, "http://127.0.0.1:9");
    job.sandbox.configure(text);
    expect(await failure()).toMatchObject({
      status: 5,
      id: "sts",
      detail: expect.stringContaining("refuses connections"),
    });
  });

  it("long-lived keys that shadow credential_process, which is otherwise in order", async () => {
    const script = job.sandbox.file("bin/sts-broker", `#!/bin/sh\nexec ${SELF.join(" ")} "$@"\n`, 0o755);
    job.sandbox.file(
      ".aws/config",
      `[profile billing]\ncredential_process = ${script} credential-process --profile billing\n`,
    );
    expect((await doctor()).ok).toContain(
      "aws-config: [profile billing] gets its credentials from the sts-broker profile billing",
    );
    job.sandbox.file(".aws/credentials", "[billing]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n");
    expect(await failure()).toMatchObject({
      status: 2,
      id: "aws-config",
      detail: expect.stringContaining("shadow its credential_process"),
    });
  });

  it("SAML metadata whose certificate ended, or ends soon", async () => {
    const hourMs = 3_600_000;
    const authority = await createCertificateAuthority();
    const configure = async (validity: Validity): Promise<void> => {
      const { cert } = await authority.issueServer(["idp.corp.example"], validity);
      const metadata = job.sandbox.file("idp.xml", metadataOf(cert));
      const response = job.sandbox.file("response.txt", "PHg+");
      job.sandbox.configure(`
[identity.adfs]
type = "saml-file"
path = "${response}"
metadata = "${metadata}"

[profile.billing]
identity = "adfs"
role_arn = "${job.world.roleArn}"
endpoint_url = "${job.world.sts.url}"
store = "file"
`);
    };
    await configure({ notBeforeMs: Date.now() - 9 * hourMs, notAfterMs: Date.now() - 3 * hourMs });
    expect(await failure()).toMatchObject({
      status: 2,
      id: "saml-metadata",
      detail: expect.stringMatching(/^its signing certificate ended 3 h ago/),
    });
    await configure({ notAfterMs: Date.now() + 200 * hourMs });
    const { warnings, ok } = await doctor();
    expect(warnings.join("\n")).toMatch(/saml-metadata: its signing certificate is good for 200 h/);
    expect(ok.join("\n")).toContain("metadata of https://idp.corp.example/saml: sign-on at idp.corp.example");
  });

  it("a failed renewal that is remembered, and a store that does not work", async () => {
    job.world.sts.cut();
    await job.sandbox.run(["credential-process"]);
    job.world.reset();
    expect((await doctor()).warnings.join("\n")).toMatch(/failures: the last renewal failed \d+ s ago/);
    job.configure({ profile: 'store = "systemd"' });
    expect(await failure()).toMatchObject({ status: 2, id: "stores" });
  });

  it("nobody is logged in: a warning with the command, and no failure", async () => {
    const text = readFileSync(job.configure(), "utf8");
    const identity = `[identity.corp]\ntype = "oidc-browser"\nissuer = "${job.world.op.issuer}"\nclient_id = "workstation"\nrefresh_token_store = "file"\n\n`;
    job.sandbox.configure(identity + text.slice(text.indexOf("[profile.billing]")));
    const { status, lines } = await doctor();
    const login = lines.filter(({ id }) => id === "dry-run");
    expect(status).toBe(0);
    expect(login).toEqual([expect.objectContaining({ state: "warning", hint: "sts-broker login --profile billing" })]);
    expect(login[0]?.detail).toMatch(/^somebody has to log in: /);
  });

  it("a provider and an STS that take connections and say nothing: every check has its line before a caller would give up", async () => {
    job.world.op.faults.always("*", { kind: "hang" });
    job.world.sts.stall();
    const startMs = performance.now();
    const { status, failed, lines } = await doctor();
    expect(performance.now() - startMs).toBeLessThan(45_000);
    expect(status).toBe(5);
    expect(failed.map((one) => one.split(":")[0])).toEqual(["discovery", "sts", "dry-run"]);
    expect(lines.find(({ id }) => id === "aws-config")?.state).toBe("skipped");
  }, 60_000);

  it("a profile nobody has", async () => {
    const { status, stdout } = await job.sandbox.run(["doctor", "--profile", "nobody"]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });
});

describe("doctor without the optional packages", () => {
  const bringsThem = SELF.length < 2;
  const why = bringsThem ? " (skipped: a standalone executable brings them)" : "";
  it.skipIf(bringsThem)(`says what is missing without each, how to get it, and goes on${why}`, async () => {
    const dist = path.dirname(SELF[1] ?? "");
    const bare = path.join(job.sandbox.home, "bare");
    mkdirSync(bare);
    for (const name of readdirSync(dist))
      if (/\.cjs$/.test(name)) copyFileSync(path.join(dist, name), path.join(bare, name));
    const argv = [SELF[0] ?? "", path.join(bare, "sts-broker.cjs"), "doctor", "--json"];
    const { status, stdout } = await runProgram(argv, job.sandbox.env);
    const lines = (JSON.parse(stdout) as Line[]).filter(({ id }) => id === "addons" || id === "locks");
    expect(status).toBe(0);
    expect(lines.map(({ state, detail }) => `${state}: ${detail.split(":")[0]}`)).toEqual([
      "warning: keytar is not installed",
      "warning: koffi is not installed",
      "warning: fs-native-extensions is not installed",
      "ok: kerberos is not installed",
      "warning: abstract socket (fs-native-extensions is not available)",
    ]);
    for (const { hint, state } of lines) if (state === "warning") expect(hint).toMatch(/^npm install/);
  });
});

describe("a report of doctor", () => {
  it("is safe to paste: no secret, token, key or password of a proxy, and no home directory", async () => {
    await warmUp(job);
    job.world.op.faults.clear();
    const canary = "c4n4ry-proxy-passw0rd";
    const env = {
      HTTPS_PROXY: `http://ana:${canary}@proxy.corp.example:3128`,
      AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
      AWS_SECRET_ACCESS_KEY: "c4n4ry-secret-access-key",
      AWS_SESSION_TOKEN: "c4n4ry-session-token",
      STS_BROKER_DEBUG: undefined,
    };
    job.sandbox.file(
      ".aws/credentials",
      "[billing]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = c4n4ry-file\n",
    );
    job.sandbox.file(".aws/config", "[profile billing]\ncredential_process = /nowhere/sts-broker credential-process\n");
    for (const args of [["doctor"], ["doctor", "--json"], ["doctor", "--debug"]]) {
      const { stdout, stderr } = await job.sandbox.run(args, { env });
      const said = stdout + stderr;
      expect(said).not.toContain("c4n4ry");
      expect(said).not.toContain(job.world.op.clients.secretBasic.clientSecret);
      expect(said).not.toMatch(/eyJ[\w-]+\.|AKIA[A-Z0-9]{8}|ASIA[A-Z0-9]{8}/);
      expect(stdout).not.toContain(job.sandbox.home);
    }
  });
});

function metadataOf(cert: string): string {
  const base64 = cert.replace(/-----[^-]+-----|\s/g, "");
  return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.corp.example/saml">
<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>${base64}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.corp.example/sso"/>
</IDPSSODescriptor></EntityDescriptor>`;
}
