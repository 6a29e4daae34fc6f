import { createPrivateKey, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { certificateToJwk, createCertificateAuthority, createSelfSignedClient } from "./certificates.ts";

describe("test certificates", () => {
  it("chain to their own authority and to no other", async () => {
    const ca = await createCertificateAuthority();
    const other = await createCertificateAuthority();
    const server = new X509Certificate((await ca.issueServer(["idp.corp.example"])).cert);
    expect(server.verify(new X509Certificate(ca.cert).publicKey)).toBe(true);
    expect(server.verify(new X509Certificate(other.cert).publicKey)).toBe(false);
    expect(server.checkHost("idp.corp.example")).toBe("idp.corp.example");
    expect(server.checkHost("localhost")).toBe("localhost");
    expect(server.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(server.checkHost("evil.example")).toBeUndefined();
  });

  it("come with the key that belongs to them", async () => {
    const ca = await createCertificateAuthority();
    for (const { cert, key } of [
      ca,
      await ca.issueServer(),
      await ca.issueClient("c"),
      await createSelfSignedClient("s"),
    ]) {
      expect(new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))).toBe(true);
    }
  });

  it("name a client by its common name alone, and become a JWK with x5c", async () => {
    const { cert } = await createSelfSignedClient("batch.corp.example");
    expect(new X509Certificate(cert).subject).toBe("CN=batch.corp.example");
    expect(certificateToJwk(cert)).toMatchObject({ kty: "EC", crv: "P-256", x5c: [expect.stringMatching(/^MII/)] });
  });

  it("can be expired", async () => {
    const ca = await createCertificateAuthority();
    const { cert } = await ca.issueServer([], { notBeforeMs: 0, notAfterMs: 86_400_000 });
    expect(new X509Certificate(cert).validTo).toBe("Jan  2 00:00:00 1970 GMT");
  });
});
