/** threats.md: forged or wrapped SAML. None of these may pass, and none may bring the forged role even to an error's eye. */

import { execFileSync } from "node:child_process";
import { createPrivateKey, type JsonWebKey, webcrypto } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { toSamlAssertion } from "../../src/assertion/saml.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { certificateToX5c, createSelfSignedClient, selfSignRsaKey } from "../support/certificates.ts";
import { createSamlIssuer, type SamlIssuer } from "../support/saml-issuer.ts";
import {
  ASSERTION_ID,
  base64,
  elementOf,
  forged,
  type ResponseOptions,
  responseXml,
  STOLEN_ROLE,
  withoutSignature,
  wrapped,
} from "../support/saml-response.ts";

const NAME = "the response";
let issuer: SamlIssuer;
let stranger: SamlIssuer;

beforeAll(async () => {
  issuer = await createSamlIssuer("https://idp.corp.example/saml");
  stranger = await createSamlIssuer("https://idp.corp.example/saml");
});

async function verdict(xml: string, metadata = issuer.metadata()): Promise<string> {
  try {
    const { grants } = await toSamlAssertion({ response: new Secret(base64(xml)), name: NAME, metadata }, Date.now());
    return `taken: ${grants.map(({ roleArn }) => roleArn).join(", ")}`;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    expect(error).toMatchObject({ code: "ASSERTION_UNUSABLE", exitCode: 4 });
    expect(error.message).not.toContain(STOLEN_ROLE);
    expect(error.cause).toBeUndefined();
    return error.message;
  }
}

const response = (options: ResponseOptions = {}): string => responseXml(issuer, options);

describe("the responses of these tests", () => {
  it.each(["response", "assertion", "both"] as const)(
    "are sound in the eyes of xmlsec1, signed over the %s",
    (signed) => {
      const directory = mkdtempSync(path.join(tmpdir(), "saml-"));
      try {
        const file = (name: string, text: string): string => {
          const full = path.join(directory, name);
          writeFileSync(full, text);
          return full;
        };
        const certificate = file("certificate.pem", issuer.certificate);
        const document = file("response.xml", response({ signed }));
        for (const name of signed === "both"
          ? ["Response", "Assertion"]
          : [signed === "response" ? "Response" : "Assertion"]) {
          const args = ["--verify", "--pubkey-cert-pem", certificate];
          args.push("--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:protocol:Response");
          args.push("--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion");
          args.push("--node-xpath", `//*[local-name()='${name}']/*[local-name()='Signature']`, document);
          execFileSync("/usr/bin/xmlsec1", args, { stdio: "pipe" });
        }
      } finally {
        rmSync(directory, { recursive: true });
      }
    },
  );
});

describe("signature wrapping", () => {
  const names = [1, 2, 3, 4, 5, 6, 7, 8];
  it.each(names)("XSW%i is refused by name, with metadata and without", async (number) => {
    const [name = "", xml = ""] = wrapped(issuer)[number - 1] ?? [];
    expect(name).toContain(`XSW${number}`);
    expect(xml).toContain(STOLEN_ROLE);
    expect(await verdict(xml)).toMatch(/signature wrapping|odd shape/);
  });

  it("refuses one ID on two elements", async () => {
    const xml = response().replace("<saml:Subject>", `<saml:Subject Id="${ASSERTION_ID}">`);
    expect(await verdict(xml)).toContain("one ID for several elements");
  });

  it("refuses a signature that refers to another element, or to the whole document", async () => {
    expect(await verdict(response().replace(`URI="#${ASSERTION_ID}"`, 'URI="#_response"'))).toContain(
      "does not refer to the element it stands in",
    );
    expect(await verdict(response().replace(`URI="#${ASSERTION_ID}"`, 'URI=""'))).toContain("does not refer to");
  });

  it("refuses an Assertion of another namespace beside the real one", async () => {
    const evil = forged(withoutSignature(elementOf(response(), "saml:Assertion"))).replaceAll(
      "SAML:2.0:assertion",
      "SAML:2.0:assertion#",
    );
    for (const inside of [evil, evil.replaceAll("saml:", "").replace("xmlns:saml", "xmlns")]) {
      const xml = response().replace("<samlp:Status>", () => `${inside}<samlp:Status>`);
      expect(await verdict(xml)).toMatch(/namespace|well-formed/);
    }
  });

  it("reads nothing of what stands around a signed Assertion", async () => {
    const xml = response()
      .replace("Destination=", 'Consent="x" Destination=')
      .replace("<samlp:Status>", "<samlp:Status><!-- unsigned --><?x ?>".replace("<?x ?>", ""));
    expect(await verdict(xml)).toMatch(/^taken: arn:aws:iam::123456789012:role\/ci\/billing$/);
  });
});

describe("a signature", () => {
  it("is missing: refused by name", async () => {
    expect(await verdict(response({ signed: "nothing" }))).toBe(
      "the response is not signed, and identity provider metadata is configured",
    );
  });

  it("by a key that is not in the metadata is refused, whatever certificate comes with it", async () => {
    expect(await verdict(responseXml(stranger))).toContain("is not by any of the 1 key in the metadata");
  });

  it("by any of several keys in the metadata is taken", async () => {
    const descriptor = /<md:KeyDescriptor.*<\/md:KeyDescriptor>/;
    const [old = ""] = descriptor.exec(stranger.metadata()) ?? [];
    const [current = ""] = descriptor.exec(issuer.metadata()) ?? [];
    const both = issuer.metadata().replace(descriptor, old + current);
    expect(await verdict(response(), both)).toMatch(/^taken/);
    expect(await verdict(response(), issuer.metadata().replace(descriptor, old))).toContain(
      "is not by any of the 1 key",
    );
  });

  it("without KeyInfo is checked all the same", async () => {
    const xml = response();
    expect(await verdict(xml.replace(elementOf(xml, "ds:KeyInfo"), ""))).toMatch(/^taken/);
  });

  it("over something that was changed is refused", async () => {
    const role = /arn:aws:iam::\d{12}:role\/[^,]*/;
    expect(await verdict(response().replace(role, STOLEN_ROLE))).toContain("was changed after it was signed");
    expect(await verdict(response({ signed: "both" }).replace(role, STOLEN_ROLE))).toContain("was changed after");
    expect(await verdict(response({ signed: "response" }).replace(role, STOLEN_ROLE))).toContain("was changed after");
  });

  it("of the Response does not excuse a broken one of the Assertion", async () => {
    const broken = responseXml(stranger, { signed: "assertion" });
    const inside = elementOf(broken, "saml:Assertion");
    expect(await verdict(response({ signed: "response", inside }))).toContain("is not by any of");
  });

  it.each([
    ["RSA-SHA1", { signature: "http://www.w3.org/2000/09/xmldsig#rsa-sha1" }, "rsa-sha1, which can be forged"],
    ["a SHA-1 digest", { digest: "http://www.w3.org/2000/09/xmldsig#sha1" }, "sha1, which can be forged"],
    ["RSA-MD5", { signature: "http://www.w3.org/2001/04/xmldsig-more#rsa-md5" }, "rsa-md5, which can be forged"],
    ["HMAC", { signature: "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256" }, "everybody would need the key"],
    ["HMAC-SHA1", { signature: "http://www.w3.org/2000/09/xmldsig#hmac-sha1" }, "hmac-sha1"],
    ["nothing known", { signature: "urn:none#none" }, "none, which is not known"],
  ])("by %s is refused", async (_, signWith, said) => {
    expect(await verdict(response({ signWith }))).toContain(said);
  });

  it.each(["rsa-sha384", "rsa-sha512"])("by %s is taken", async (name) => {
    const signWith = {
      signature: `http://www.w3.org/2001/04/xmldsig-more#${name}`,
      digest:
        name === "rsa-sha384"
          ? "http://www.w3.org/2001/04/xmldsig-more#sha384"
          : "http://www.w3.org/2001/04/xmlenc#sha512",
    };
    expect(await verdict(response({ signWith }))).toMatch(/^taken/);
  });

  it("by an elliptic curve, in metadata beside RSA, is taken", async () => {
    const { cert, key } = await createSelfSignedClient("ec.corp.example");
    const curve: SamlIssuer = { ...issuer, certificate: cert, privateKey: key };
    const signWith = { signature: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" };
    const xml = responseXml(curve, { signWith });
    const key64 = certificateToX5c(issuer.certificate);
    const metadata = issuer.metadata().replace(key64, certificateToX5c(cert));
    expect(await verdict(xml, metadata)).toMatch(/^taken/);
    expect(await verdict(xml)).toContain("none of the 1 key in the metadata");
  });

  it("with two SignedInfo is refused (CVE-2025-29774)", async () => {
    const xml = response();
    const signedInfo = elementOf(xml, "ds:SignedInfo");
    for (const evil of [
      signedInfo + signedInfo,
      `<x>${signedInfo}</x>${signedInfo}`,
      `${signedInfo}<ds:Object>${signedInfo}</ds:Object>`,
    ])
      expect(await verdict(xml.replace(signedInfo, () => evil))).toContain("odd shape");
  });

  it("with a comment in its DigestValue is refused (CVE-2025-29775)", async () => {
    const xml = response();
    const evil = xml.replace("<ds:DigestValue>", "<ds:DigestValue><!--AAAA-->");
    expect(await verdict(evil)).toMatch(/comment/);
    expect(await verdict(xml.replace("<ds:SignedInfo>", "<ds:SignedInfo><!--x-->"))).toContain("comment");
  });

  it("with two references, another transform or an Object is refused", async () => {
    const xml = response();
    const reference = elementOf(xml, "ds:Reference");
    const transform = '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>';
    expect(xml).toContain(transform);
    const xslt = '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>';
    for (const evil of [
      xml.replace(reference, () => reference + reference),
      xml.replace(transform, () => transform + xslt),
      xml.replace(transform, () => xslt),
      xml.replace("</ds:Signature>", "<ds:Object/></ds:Signature>"),
      xml.replace(elementOf(xml, "ds:Transforms"), ""),
    ])
      expect(await verdict(evil)).toContain("odd shape");
  });

  it("by a key of 1024 bits is refused", async () => {
    const { privateKey } = (await webcrypto.subtle.generateKey(
      { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) },
      true,
      ["sign", "verify"],
    )) as webcrypto.CryptoKeyPair;
    const jwk = await webcrypto.subtle.exportKey("jwk", privateKey);
    const certificate = await selfSignRsaKey(jwk, "small.corp.example");
    const key = createPrivateKey({ key: jwk as JsonWebKey, format: "jwk" }).export({ type: "pkcs8", format: "pem" });
    const small: SamlIssuer = { ...issuer, certificate, privateKey: String(key) };
    const xml = responseXml(small, { signWith: {} });
    const metadata = issuer.metadata().replace(certificateToX5c(issuer.certificate), certificateToX5c(certificate));
    expect(await verdict(xml, metadata)).toContain("RSA from 2048 bits");
  });

  it("is not read off a certificate for encryption", async () => {
    const other = issuer.metadata().replace('use="signing"', 'use="encryption"');
    await expect(
      toSamlAssertion({ response: new Secret(base64(response())), name: NAME, metadata: other }, Date.now()),
    ).rejects.toThrow("no certificate for signing");
  });
});
