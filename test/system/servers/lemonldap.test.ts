import { afterAll, beforeAll, expect, test } from "vitest";
import { LEMONLDAP_PROGRAMS, type Lemonldap, startLemonldap } from "./lemonldap.ts";
import { describeSystem } from "./requirements.ts";

describeSystem("LemonLDAP::NG", LEMONLDAP_PROGRAMS, () => {
  let idp: Lemonldap;
  beforeAll(async () => {
    idp = await startLemonldap({
      roles: ["arn:aws:iam::123456789012:role/dev,arn:aws:iam::123456789012:saml-provider/corp"],
    });
  });
  afterAll(() => idp?.stop());

  test("publishes its metadata", async () => {
    const xml = await idp.metadata();
    expect(xml).toContain(`entityID="${idp.entityId}"`);
    expect(xml).toContain("urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect");
  });

  test("asks for a name and a password", async () => {
    const page = await (await fetch(`${idp.url}${idp.ssoPath}`)).text();
    expect(page).toMatch(/name="user"[\s\S]*name="password"/);
  });
});
