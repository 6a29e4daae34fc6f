import { afterAll, beforeAll, expect, test } from "vitest";
import { describeSystem } from "./requirements.ts";
import { SIMPLESAMLPHP_PROGRAMS, SIMPLESAMLPHP_USER, type Simplesamlphp, startSimplesamlphp } from "./simplesamlphp.ts";

describeSystem("SimpleSAMLphp", SIMPLESAMLPHP_PROGRAMS, () => {
  let idp: Simplesamlphp;
  beforeAll(async () => {
    idp = await startSimplesamlphp({
      roles: ["arn:aws:iam::123456789012:role/dev,arn:aws:iam::123456789012:saml-provider/corp"],
    });
  });
  afterAll(() => idp?.stop());

  test("publishes its metadata", async () => {
    const xml = await idp.metadata();
    expect(xml).toContain(`entityID="${idp.entityId}"`);
    expect(xml).toContain("urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect");
  });

  test("shows its form, in English for whoever asks, and then posts to AWS", async () => {
    const first = await fetch(`${idp.url}${idp.ssoPath}`, { redirect: "manual" });
    const cookie = first.headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .join("; ");
    const location = new URL(first.headers.get("location") ?? "", idp.url);
    const headers = { cookie, "accept-language": "en" };
    const page = await (await fetch(location, { headers })).text();
    expect(page).toContain('action="?"');
    const state = /name="AuthState" value="([^"]+)"/.exec(page)?.[1]?.replace(/&amp;/g, "&") ?? "";
    const { username, password } = SIMPLESAMLPHP_USER;
    const body = new URLSearchParams({ username, password, AuthState: state });
    const answer = await fetch(location, { method: "POST", headers, body });
    expect(await answer.text()).toMatch(/action="https:\/\/signin\.aws\.amazon\.com\/saml"[\s\S]*name="SAMLResponse"/);
  });
});
