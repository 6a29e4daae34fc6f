import { inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import { authnRequest } from "../../src/identity/lib/saml-request.ts";

const REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
const OPTIONS = { source: "/idp.xml", acsUrl: undefined, id: "_0123", nowMs: Date.UTC(2026, 6, 1, 12, 0, 0, 7) };

const metadata = ({
  entityId = "https://idp.corp.example/idp",
  services = [[REDIRECT, "https://idp.corp.example/sso"]] as readonly (readonly [string, string])[],
  attributes = "",
} = {}): string =>
  `<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${entityId}"><md:IDPSSODescriptor ${attributes} protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">${services
    .map(([binding, location]) => `<md:SingleSignOnService Binding="${binding}" Location="${location}"/>`)
    .join("")}</md:IDPSSODescriptor></md:EntityDescriptor>`;

const read = (url: string): string =>
  inflateRawSync(Buffer.from(new URL(url).searchParams.get("SAMLRequest") ?? "", "base64")).toString("utf8");

describe("AWS's request", () => {
  test("names AWS, its assertion consumer service and the time, and nothing that the IdP has to decide", () => {
    const { url, issuer } = authnRequest(metadata(), OPTIONS);
    expect(issuer).toBe("https://idp.corp.example/idp");
    expect(url.startsWith("https://idp.corp.example/sso?SAMLRequest=")).toBe(true);
    expect(read(url)).toBe(
      `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_0123" Version="2.0" IssueInstant="2026-07-01T12:00:00Z" Destination="https://idp.corp.example/sso" ProtocolBinding="${POST}" AssertionConsumerServiceURL="https://signin.aws.amazon.com/saml"><saml:Issuer>urn:amazon:webservices</saml:Issuer></samlp:AuthnRequest>`,
    );
  });

  test.each([
    ["https://signin.amazonaws-us-gov.com/saml", "urn:amazon:webservices:govcloud"],
    ["https://signin.amazonaws.cn/saml", "urn:amazon:webservices:cn-north-1"],
    ["https://eu-west-1.signin.aws.amazon.com/saml", "urn:amazon:webservices"],
  ])("%s is %s", (acsUrl, entity) => {
    const xml = read(authnRequest(metadata(), { ...OPTIONS, acsUrl }).url);
    expect(xml).toContain(`<saml:Issuer>${entity}</saml:Issuer>`);
    expect(xml).toContain(`AssertionConsumerServiceURL="${acsUrl}"`);
  });

  test("a query in the address and special characters survive", () => {
    const services = [[REDIRECT, "https://idp.corp.example/sso?realm=a&amp;x=%22%3C"]] as const;
    const { url } = authnRequest(metadata({ services, entityId: "urn:a&amp;b" }), OPTIONS);
    expect(new URL(url).searchParams.get("realm")).toBe("a");
    expect(read(url)).toContain('Destination="https://idp.corp.example/sso?realm=a&amp;x=%22%3C"');
  });

  test("of several bindings it is HTTP-Redirect, and a wish for signatures does not matter", () => {
    const services = [
      [POST, "https://idp.corp.example/post"],
      [REDIRECT, "https://idp.corp.example/redirect"],
    ] as const;
    const { url } = authnRequest(metadata({ services, attributes: 'WantAuthnRequestsSigned="true"' }), OPTIONS);
    expect(url).toContain("https://idp.corp.example/redirect?");
    expect(new URL(url).searchParams.has("Signature")).toBe(false);
  });
});

describe("metadata that is of no use", () => {
  test.each([
    ["nothing", ""],
    ["text", "hello"],
    ["JSON", '{"issuer":"https://idp.corp.example"}'],
    ["HTML", "<html><body><form></body></html>"],
    ["an unfinished document", metadata().slice(0, 150)],
    ["no address", metadata({ services: [] })],
    ["the POST binding alone", metadata({ services: [[POST, "https://idp.corp.example/post"]] })],
    ["an address that is none", metadata({ services: [[REDIRECT, "sso"]] })],
    ["no name", metadata({ entityId: "" })],
    ["a service provider's", metadata().replaceAll("IDPSSODescriptor", "SPSSODescriptor")],
    [
      "a federation",
      `<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">${metadata()
        .replace(/^<\?.*?\?>/, "")
        .repeat(2)}</EntitiesDescriptor>`,
    ],
  ])("%s", (_name, xml) => {
    expect(() => authnRequest(xml, OPTIONS)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
    expect(() => authnRequest(xml, OPTIONS)).toThrow("metadata /idp.xml ");
  });

  test("any text is read or refused", () => {
    const good = metadata();
    const edit = fc.record({
      at: fc.nat(good.length),
      cut: fc.nat(20),
      put: fc.string({ unit: "binary", maxLength: 10 }),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const xml = edits.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), good);
        try {
          authnRequest(xml, OPTIONS);
        } catch (error) {
          expect(error).toBeInstanceOf(BrokerError);
          expect((error as Error).message).not.toMatch(/[\0-\x1f\x7f]/);
        }
      }),
    );
  });
});
