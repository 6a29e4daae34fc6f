import { expect, test } from "vitest";
import { KDC_PROGRAMS, startKdc } from "./kdc.ts";
import { describeSystem } from "./requirements.ts";

describeSystem("MIT KDC", KDC_PROGRAMS, () => {
  test("gives tickets by password and by keytab, and refuses a wrong password and an old key", async () => {
    const kdc = await startKdc({ principals: ["job"], passwords: { alice: "Passw0rd!" } });
    try {
      const ccache = await kdc.kinit("alice", { password: "Passw0rd!", lifetime: "5m" });
      expect(await kdc.tickets(ccache)).toEqual(["krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"]);
      expect(await kdc.tickets(await kdc.kinit("job"))).toHaveLength(1);
      expect(kdc.log()).toMatch(/AS_REQ .* alice@CORP\.EXAMPLE for krbtgt/);
      await expect(kdc.kinit("alice", { password: "wrong" })).rejects.toThrow("Password incorrect");
      await kdc.newKey("job");
      await expect(kdc.kinit("job")).rejects.toThrow();
    } finally {
      await kdc.stop();
    }
  });
});
