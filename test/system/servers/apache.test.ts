import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createCertificateAuthority } from "../../support/certificates.ts";
import { APACHE_PROGRAMS, startApache } from "./apache.ts";
import { KDC_PROGRAMS, startKdc } from "./kdc.ts";
import { runCommand, until } from "./process.ts";
import { describeSystem } from "./requirements.ts";

describeSystem("Apache with mod_auth_gssapi", [...KDC_PROGRAMS, ...APACHE_PROGRAMS, "curl"], () => {
  test("lets in whoever has a ticket, by curl's word", async () => {
    const kdc = await startKdc({ principals: ["HTTP/localhost"], passwords: { alice: "Passw0rd!" } });
    const ca = await createCertificateAuthority();
    const apache = await startApache({
      certificate: await ca.issueServer(),
      keytab: kdc.keytab("HTTP/localhost"),
      krb5Conf: kdc.krb5Conf,
    });
    try {
      const caFile = join(kdc.folder, "ca.pem");
      writeFileSync(caFile, ca.cert);
      const get = async (ccache: string) => {
        const env = { KRB5_CONFIG: kdc.krb5Conf, KRB5CCNAME: ccache };
        const options = [
          "-q",
          "-s",
          "--cacert",
          caFile,
          "--negotiate",
          "-u",
          ":",
          "-w",
          "%{http_code}",
          "-o",
          "/dev/null",
        ];
        return (await runCommand("curl", [...options, `https://localhost:${apache.port}/negotiate/`], { env })).stdout;
      };
      expect(await get("FILE:/nonexistent/cc")).toBe("401");
      expect(await get(await kdc.kinit("alice", { password: "Passw0rd!" }))).toBe("200");
      // Apache writes its log after the answer.
      const last = () => apache.requests().at(-1);
      await until("the request is in the log", () => last()?.includes(" 200 ") === true, { deadlineMs: 5_000 });
      expect(last()).toBe("GET /negotiate/index.html 200 alice@CORP.EXAMPLE");
    } finally {
      await apache.stop();
      await kdc.stop();
    }
  });
});
