import { afterAll, beforeAll, expect, test } from "vitest";
import { type CorporateNetwork, IDP_HOST, STS_HOST, startCorporateNetwork } from "./corporate-network.ts";
import { describeSystem } from "./servers/requirements.ts";
import { startTinyproxy, TINYPROXY_PROGRAMS } from "./servers/tinyproxy.ts";

interface Line {
  readonly id: string;
  readonly state: string;
  readonly detail: string;
  readonly hint: string | null;
}

describeSystem("doctor in a company's network", [...TINYPROXY_PROGRAMS, "libnss_wrapper.so"], () => {
  let corp: CorporateNetwork;
  beforeAll(async () => {
    corp = await startCorporateNetwork();
  });
  afterAll(() => corp?.close());

  const doctor = async (env: Record<string, string>) => {
    corp.forget();
    const { status, stdout, stderr } = await corp.sandbox.run(["doctor", "--json"], { env });
    expect(stderr).toBe("");
    const lines = JSON.parse(stdout) as Line[];
    const of = (id: string): string[] =>
      lines.filter((line) => line.id === id).map(({ state, detail }) => `${state}: ${detail}`);
    return { status, stdout, lines, of };
  };

  test("names and certificates are looked at as the program uses them, with the authorities that are configured", async () => {
    const { status, of } = await doctor({ ...corp.resolving(), AWS_CA_BUNDLE: corp.awsCaFile });
    expect(of("names")).toEqual([
      expect.stringMatching(`^ok: ${IDP_HOST} is 127\\.0\\.0\\.1, found in`),
      expect.stringMatching(`^ok: ${STS_HOST} is 127\\.0\\.0\\.1, found in`),
    ]);
    expect(of("certificates").filter((line) => line.startsWith("ok"))).toEqual([
      expect.stringContaining(`"${IDP_HOST}" <- "Corp CA", an authority of your own company's`),
      expect.stringContaining(`"${STS_HOST}" <- "AWS CA"`),
    ]);
    // Test certificates last for a day.
    expect(of("certificates").filter((line) => line.startsWith("warning: the certificate"))).toHaveLength(2);
    expect(of("dry-run")[0]).toMatch(/^ok: the identity provider gave/);
    expect(status).toBe(0);
  });

  test("an authority that is not trusted is named, with the setting", async () => {
    const { status, of, lines } = await doctor(corp.resolving());
    expect(status).toBe(5);
    expect(of("certificates")).toContainEqual(
      expect.stringMatching(/^failed: the certificate of sts\.corp\.example:\d+ is not signed .* but by "AWS CA"/),
    );
    expect(lines.find(({ id, state }) => id === "certificates" && state === "failed")?.hint).toContain("AWS_CA_BUNDLE");
  });

  test("through a proxy the proxy is what is looked up, and its password is not shown", async () => {
    const proxy = await startTinyproxy({
      names: [IDP_HOST, STS_HOST],
      credentials: { user: "batch", password: "c4n4ryPassw0rd" },
    });
    try {
      const env = { HTTPS_PROXY: proxy.urlWithCredentials, AWS_CA_BUNDLE: corp.awsCaFile };
      const { status, stdout, of } = await doctor(env);
      expect(status).toBe(0);
      expect(of("proxy")).toEqual([
        `ok: ${corp.idp} is reached through ${proxy.url}`,
        `ok: ${corp.sts} is reached through ${proxy.url}`,
      ]);
      expect(of("certificates")[0]).toContain('<- "Corp CA"');
      expect(stdout).not.toContain("c4n4ry");

      const wrong = await doctor({ ...env, HTTPS_PROXY: proxy.urlWithCredentials.replace("c4n4ry", "wr0ng") });
      expect(wrong.status).toBe(5);
      expect(wrong.of("certificates")[0]).toMatch(/^failed: the proxy .* wants other credentials/);
    } finally {
      await proxy.stop();
    }
  });

  test("a name that nobody knows is said so, and not by a wait", async () => {
    const { status, of } = await doctor(corp.resolving({ [STS_HOST]: "127.0.0.1" }));
    expect(status).toBe(5);
    expect(of("names")[0]).toMatch(new RegExp(`^failed: ${IDP_HOST} cannot be resolved \\((ENOTFOUND|EAI_AGAIN)\\)`));
  });
});
