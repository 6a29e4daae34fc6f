import { describe, expect, it } from "vitest";
import { SettingError } from "../../src/core/settings.ts";
import type { TomlTable } from "../../src/core/types.ts";
import { METHODS } from "../../src/identity/lib/client-authentication.ts";
import { oidcClientCredentials } from "../../src/identity/oidc-client-credentials.ts";

const BASE = { issuer: "https://idp.corp.example", client_id: "b" };
const secret = { client_secret: { file: "/s" } };
const key = { private_key: { file: "/k" } };
const certificate = { client_certificate: "/c", client_certificate_key: { file: "/ck" } };
const parse = (table: TomlTable) => oidcClientCredentials.parse({ ...BASE, ...table });

function wrong(table: TomlTable): SettingError {
  try {
    parse(table);
  } catch (error) {
    if (error instanceof SettingError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("settings of oidc-client-credentials", () => {
  it.each([
    [secret, "client_secret_basic"],
    [key, "private_key_jwt"],
    [certificate, "tls_client_auth"],
    [{ ...secret, ...key }, "client_secret_basic"],
    [{ ...key, client_certificate: "/c" }, "private_key_jwt"],
    ...METHODS.map((method) => [{ ...secret, ...key, ...certificate, token_endpoint_auth_method: method }, method]),
  ] as [TomlTable, string][])("%j authenticate by %s", (table, method) => {
    expect(parse(table).method).toBe(method);
  });

  it.each([
    [{}, "client_id", "nothing proves the client"],
    [
      { token_endpoint_auth_method: "client_secret_basic", ...key },
      "token_endpoint_auth_method",
      "needs client_secret",
    ],
    [{ token_endpoint_auth_method: "client_secret_post" }, "token_endpoint_auth_method", "needs client_secret"],
    [{ token_endpoint_auth_method: "client_secret_jwt" }, "token_endpoint_auth_method", "needs client_secret"],
    [{ token_endpoint_auth_method: "private_key_jwt", ...secret }, "token_endpoint_auth_method", "needs private_key"],
    [
      { token_endpoint_auth_method: "tls_client_auth", ...secret },
      "token_endpoint_auth_method",
      "needs client_certificate",
    ],
    [{ client_certificate: "/c" }, "token_endpoint_auth_method", "needs client_certificate_key"],
    [
      { token_endpoint_auth_method: "self_signed_tls_client_auth", client_certificate: "/c" },
      "token_endpoint_auth_method",
      "needs client_certificate_key",
    ],
    [{ ...secret, client_certificate_key: { file: "/ck" } }, "client_certificate_key", "needs client_certificate"],
    [{ ...secret, assertion: "id_token", scope: "aws" }, "scope", 'only issued for the scope "openid"'],
    ...["grant_type", "client_id", "client_secret", "client_assertion"].map((name) => [
      { ...secret, parameters: { [name]: "x" } },
      "parameters",
      `parameters must not set ${name}`,
    ]),
  ] as [TomlTable, string, string][])("%j are refused at %s: %s", (table, at, message) => {
    const error = wrong(table);
    expect(error.key).toBe(at);
    expect(error.message).toContain(message);
  });

  it("ask for an id_token with openid among the scopes, or with none", () => {
    expect(parse({ ...secret, assertion: "id_token", scope: "aws openid" }).assertion).toBe("id_token");
    expect(parse({ ...secret, assertion: "id_token" }).assertion).toBe("id_token");
  });

  it("send scope, audience, every resource and further parameters", () => {
    const { parameters } = parse({
      ...secret,
      scope: "a b",
      audience: "c",
      resource: ["d", "e"],
      parameters: { f: "g" },
    });
    expect(parameters).toEqual([
      ["f", "g"],
      ["scope", "a b"],
      ["audience", "c"],
      ["resource", "d"],
      ["resource", "e"],
    ]);
  });
});
