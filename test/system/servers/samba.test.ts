import { expect, test } from "vitest";
import { runCommand } from "./process.ts";
import { describeSystem, needed } from "./requirements.ts";
import { SAMBA_PROGRAMS, sambaProblem, startSamba } from "./samba.ts";

const problem = sambaProblem();

describeSystem("Samba AD", [...SAMBA_PROGRAMS, "kvno", "klist"], () => {
  const run = problem === undefined ? test : test.skip;
  run(`gives tickets to people and machines${problem === undefined ? "" : ` (skipped: ${problem})`}`, async () => {
    const samba = await startSamba({
      computers: ["WEB1"],
      users: { alice: "Passw0rd!" },
      services: ["HTTP/idp.corp.example"],
    });
    try {
      const env = { KRB5_CONFIG: samba.krb5Conf };
      const ccache = await samba.kinit("alice", "Passw0rd!");
      const ticket = await runCommand(needed("kvno"), ["-c", ccache, "HTTP/idp.corp.example"], { env });
      expect(ticket.stdout).toContain("HTTP/idp.corp.example@CORP.EXAMPLE: kvno =");
      const keys = await runCommand(needed("klist"), ["-ke", samba.keytab("WEB1$")], { env });
      expect(keys.stdout).toContain("WEB1$@CORP.EXAMPLE (aes256-cts-hmac-sha1-96)");
    } finally {
      await samba.stop();
    }
  });
});
