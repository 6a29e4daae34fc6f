import { chmodSync, chownSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listen } from "../support/listening-server.ts";
import { makeSandbox, programUnderTest, type RunOptions, runProgram, type Sandbox } from "../support/program.ts";
import { KDC_PROGRAMS, type Kdc, startKdc } from "./servers/kdc.ts";
import { KERBEROS_ADDON } from "./servers/kerberos-addon.ts";
import { describeSystem } from "./servers/requirements.ts";

interface Line {
  readonly id: string;
  readonly state: string;
  readonly detail: string;
  readonly hint: string | null;
}

const NOBODY = 65_534;

describeSystem("doctor with an MIT KDC", [...KDC_PROGRAMS, KERBEROS_ADDON, "setpriv", "root"], () => {
  let kdc: Kdc;
  let sandbox: Sandbox;
  let idp: Awaited<ReturnType<typeof listen>>;
  beforeAll(async () => {
    kdc = await startKdc({ principals: ["HTTP/localhost", "svc-batch"], passwords: { alice: "Passw0rd!" } });
    idp = await listen((_, res) => void res.writeHead(404).end());
    sandbox = makeSandbox();
  });
  afterAll(async () => {
    await idp?.close();
    sandbox?.remove();
    await kdc?.stop();
  });

  const configure = (identity: string) =>
    sandbox.configure(`
[identity.idp]
type = "saml-kerberos"
url = "http://localhost:${idp.port}/sso"
${identity}

[profile.billing]
identity = "idp"
role_arn = "arn:aws:iam::123456789012:role/billing"
endpoint_url = "http://localhost:${idp.port}"
store = "file"
`);

  const kerberos = async (identity: string, options: RunOptions = {}): Promise<Line[]> => {
    configure(identity);
    const env = { KRB5_CONFIG: kdc.krb5Conf, ...options.env };
    const { stdout, stderr } = await sandbox.run(["doctor", "--json"], { ...options, env });
    expect(stderr).toBe("");
    return (JSON.parse(stdout) as Line[]).filter(({ id }) => id === "kerberos");
  };
  const texts = (lines: readonly Line[]) => lines.map(({ state, detail }) => `${state}: ${detail}`);

  test("a keytab: realm, keys, KDC and a ticket for the provider", async () => {
    const lines = texts(await kerberos(`keytab = "${kdc.keytab("svc-batch")}"`));
    expect(lines).toEqual([
      expect.stringMatching(/^ok: \/.*krb5\.conf: default realm CORP\.EXAMPLE$/),
      expect.stringMatching(/^ok: the keytab .* has keys of svc-batch@CORP\.EXAMPLE \(version \d+; .*aes256/),
      expect.stringMatching(/^ok: the KDC 127\.0\.0\.1:\d+ of CORP\.EXAMPLE takes connections/),
      expect.stringMatching(/^ok: a ticket for HTTP@localhost was got in \d+ ms$/),
    ]);
  });

  test("a ticket: whose, and until when; and an expired one", async () => {
    const ccache = await kdc.kinit("alice", { password: "Passw0rd!" });
    const lines = texts(await kerberos("", { env: { KRB5CCNAME: ccache } }));
    expect(lines[1]).toMatch(/^ok: .* is alice@CORP\.EXAMPLE's, with a ticket until .* \((60 min|59 min|1 h)\)$/);
    expect(lines.at(-1)).toMatch(/^ok: a ticket for HTTP@localhost/);
    const none = await kerberos("", { env: { KRB5CCNAME: "FILE:/nonexistent/cc" } });
    expect(none[1]).toMatchObject({ state: "warning", detail: "there is no ticket in FILE:/nonexistent/cc" });
    expect(none.at(-1)).toMatchObject({ state: "failed", hint: expect.stringContaining("kinit") });
    const env = { KRB5_CONFIG: kdc.krb5Conf, KRB5CCNAME: "FILE:/nonexistent/cc" };
    expect((await sandbox.run(["doctor"], { env })).status).toBe(3);
  });

  test("a keytab without the principal, and one that this user cannot read", async () => {
    const keytab = kdc.keytab("svc-batch");
    const [, wrong] = await kerberos(`keytab = "${keytab}"\nprincipal = "svc-other@CORP.EXAMPLE"`);
    expect(wrong).toMatchObject({ state: "failed", hint: 'principal = "svc-batch@CORP.EXAMPLE", or another keytab' });

    const secret = path.join(sandbox.home, "batch.keytab");
    writeFileSync(secret, "secret");
    chmodSync(secret, 0o600);
    configure(`keytab = "${secret}"`);
    for (const one of [".", ".config", ".config/sts-broker", ".config/sts-broker/config.toml"])
      chownSync(path.join(sandbox.home, one), NOBODY, NOBODY);
    const argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", ...programUnderTest()];
    const { status, stdout } = await runProgram([...argv, "doctor", "--json"], {
      ...sandbox.env,
      KRB5_CONFIG: kdc.krb5Conf,
    });
    for (const one of [".", ".config", ".config/sts-broker", ".config/sts-broker/config.toml"])
      chownSync(path.join(sandbox.home, one), 0, 0);
    const lines = JSON.parse(stdout) as Line[];
    expect(status).toBe(2);
    expect(lines.filter(({ state }) => state === "failed").map(({ id, hint }) => [id, hint])).toEqual(
      expect.arrayContaining([
        ["permissions", "sudo setfacl -m u:nobody:r ~/batch.keytab"],
        ["kerberos", "sudo setfacl -m u:nobody:r ~/batch.keytab, or gssproxy = true"],
      ]),
    );
  });

  test("a KDC that is gone, without waiting for it", async () => {
    const other = kdc.writeKrb5Conf("gone.conf", { kdc: "127.0.0.1:1" });
    const startMs = performance.now();
    const lines = await kerberos(`keytab = "${kdc.keytab("svc-batch")}"`, { env: { KRB5_CONFIG: other } });
    expect(performance.now() - startMs).toBeLessThan(45_000);
    expect(texts(lines)[2]).toMatch(
      /^warning: the KDC 127\.0\.0\.1:1 of CORP\.EXAMPLE takes no TCP connection \(ECONNREFUSED\)/,
    );
    expect(lines.at(-1)).toMatchObject({ state: "failed" });
  });
});
