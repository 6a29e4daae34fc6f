import { beforeAll, describe, expect, it } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import { providerAddress } from "../../src/setup/address.ts";
import { discover } from "../../src/setup/discover.ts";
import { KINDS } from "../../src/setup/kinds.ts";
import type { Offers } from "../../src/setup/offers.ts";
import { failure } from "../config/helpers.ts";
import { type FakeHost, fakeHost, json } from "../support/fake-host.ts";
import { createSamlIssuer } from "../support/saml-issuer.ts";

const ORIGIN = "https://idp.corp.example";
const WELL_KNOWN = [
  "/FederationMetadata/2007-06/FederationMetadata.xml",
  "/idp/shibboleth",
  "/simplesaml/saml2/idp/metadata.php",
  "/simplesaml/module.php/saml/idp/metadata",
  "/saml/metadata",
];

let metadata: string;
beforeAll(async () => {
  metadata = (await createSamlIssuer("http://idp.corp.example/trust")).metadata();
});

/** A provider that has these pages, and 404 wherever else it is asked. */
function provider(address: string, pages: Record<string, Parameters<FakeHost["routes"]["on"]>[2]>): FakeHost {
  const host = fakeHost();
  const path = address.slice(ORIGIN.length).replace(/\/$/, "");
  const realm = /^.*\/realms\/[^/]+/.exec(path)?.[0];
  const places = [
    `${path}/.well-known/openid-configuration`,
    "/adfs/.well-known/openid-configuration",
    path || "/",
    ...WELL_KNOWN,
  ];
  for (const place of [...places, ...(realm === undefined ? [] : [`${realm}/protocol/saml/descriptor`])])
    host.routes.on("GET", ORIGIN + place, () => ({ status: 404, body: "<html>" }));
  for (const [place, handler] of Object.entries(pages)) host.routes.on("GET", ORIGIN + place, handler);
  return host;
}

const asked = (host: FakeHost, address: string): Promise<Offers> =>
  discover(providerAddress(address), host, new AbortController().signal);
const fitting = (offers: Offers): string[] => KINDS.filter((kind) => kind.fits(offers)).map(({ kind }) => kind);
const negotiate = () => ({ status: 401, headers: { "www-authenticate": 'Basic realm="x", Negotiate' } });

describe("what an identity provider offers", () => {
  it("is an OpenID provider's grants, and Kerberos where its login page asks for it", async () => {
    const address = `${ORIGIN}/realms/prod`;
    const host = provider(address, {
      "/realms/prod/.well-known/openid-configuration": () =>
        json({
          issuer: address,
          authorization_endpoint: `${address}/auth`,
          device_authorization_endpoint: `${address}/device`,
          grant_types_supported: ["authorization_code", "client_credentials"],
          token_endpoint_auth_methods_supported: ["client_secret_post"],
        }),
      "/realms/prod/auth": negotiate,
    });
    const offers = await asked(host, `${address}/.well-known/openid-configuration`);
    expect(offers).toMatchObject({ oidc: { issuer: address, negotiate: true }, saml: undefined });
    expect(fitting(offers)).toEqual(["oidc-browser", "oidc-device", "oidc-client-credentials", "oidc-kerberos"]);
    expect(KINDS.find(({ kind }) => kind === "oidc-client-credentials")?.known(offers)).toEqual({
      issuer: address,
      token_endpoint_auth_method: "client_secret_post",
    });
  });

  it.each([
    [
      "AD FS",
      "/FederationMetadata/2007-06/FederationMetadata.xml",
      "/adfs/ls/IdpInitiatedSignOn.aspx?loginToRp=urn%3Aamazon%3Awebservices",
    ],
    ["Shibboleth", "/idp/shibboleth", "/idp/profile/SAML2/Unsolicited/SSO?providerId=urn%3Aamazon%3Awebservices"],
    [
      "SimpleSAMLphp",
      "/simplesaml/saml2/idp/metadata.php",
      "/simplesaml/saml2/idp/SSOService.php?spentityid=urn%3Aamazon%3Awebservices",
    ],
  ])("is the SAML metadata of %s, and where it signs on at AWS", async (_, place, signOn) => {
    const host = provider(`${ORIGIN}/`, { [place]: () => ({ body: metadata }), [signOn]: negotiate });
    const offers = await asked(host, "idp.corp.example");
    expect(offers).toMatchObject({
      oidc: undefined,
      saml: { entityId: "http://idp.corp.example/trust", signOnUrl: ORIGIN + signOn, negotiate: true },
    });
    expect(fitting(offers)).toEqual(["saml-kerberos", "saml-password"]);
  });

  it("is both at Keycloak", async () => {
    const address = `${ORIGIN}/auth/realms/prod`;
    const host = provider(address, {
      "/auth/realms/prod/.well-known/openid-configuration": () => json({ issuer: address }),
      "/auth/realms/prod/protocol/saml/descriptor": () => ({ body: metadata }),
      "/auth/realms/prod/protocol/saml/clients/amazon-aws": () => ({ status: 404 }),
    });
    expect(await asked(host, address)).toMatchObject({
      oidc: { issuer: address },
      saml: { signOnUrl: `${address}/protocol/saml/clients/amazon-aws`, negotiate: false },
    });
  });

  it("is metadata at the very address that was given", async () => {
    const address = `${ORIGIN}/some/metadata.xml`;
    const host = provider(address, { "/some/metadata.xml": () => ({ body: metadata }) });
    expect(await asked(host, address)).toMatchObject({ saml: { metadataUrl: address, signOnUrl: undefined } });
  });

  it.each([
    ["nothing", {}, "IDP_INVALID_ANSWER", /has neither/],
    [
      "an HTML page for everything",
      { "/.well-known/openid-configuration": () => ({ body: "<html>" }) },
      "IDP_INVALID_ANSWER",
      /has neither/,
    ],
    [
      "another one's discovery",
      { "/.well-known/openid-configuration": () => json({ issuer: "https://evil.example" }) },
      "IDP_INVALID_ANSWER",
      /is that of https:\/\/evil\.example/,
    ],
    [
      "metadata that cannot be used",
      { "/idp/shibboleth": () => ({ body: '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"/>' }) },
      "CONFIG_INVALID",
      /no IDPSSODescriptor/,
    ],
  ] as const)("is not guessed of a server that has %s", async (_, pages, code, says) => {
    const error = await failure(() => asked(provider(`${ORIGIN}/`, pages), ORIGIN));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(says)]);
  });

  it("names another issuer in a hint as one word of a shell", async () => {
    const host = provider(ORIGIN, {
      "/.well-known/openid-configuration": () => json({ issuer: "https://evil.example/$(id);x" }),
    });
    expect((await failure(() => asked(host, ORIGIN))).hint).toContain("--issuer 'https://evil.example/$(id);x',");
  });

  it("ends with the first failure where nobody answers", async () => {
    const host = provider(`${ORIGIN}/`, {
      "/.well-known/openid-configuration": () => {
        throw new BrokerError("UNREACHABLE", "idp.corp.example cannot be reached");
      },
    });
    expect((await failure(() => asked(host, ORIGIN))).code).toBe("UNREACHABLE");
    expect(host.routes.requests).toHaveLength(1);
  });

  it.each(["http://idp.corp.example", "ftp://x", "", "https://u:p@idp.corp.example", "https://"])(
    "is not asked for at %j",
    async (address) => {
      expect((await failure(() => providerAddress(address))).code).toBe("USAGE");
    },
  );
});
