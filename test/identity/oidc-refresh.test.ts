import { describe, expect, it } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import type { TomlTable } from "../../src/core/types.ts";
import { identitySource } from "../../src/identity/registry.ts";
import type { OidcProof, Session } from "../../src/identity/source.ts";
import { type FakeHost, fakeMachine, json } from "../support/fake-host.ts";
import { fakeProvider, IDENTITY, ISSUER, idToken } from "../support/fake-provider.ts";

const S = 1000;

/** A session that holds R0, and notes what becomes of it. */
function session() {
  const seen = { kept: [] as (string | undefined)[], refused: [] as string[] };
  const made: Session = {
    async redeem(send) {
      const result = await send(new Secret("R0"), async () => {});
      if (result.outcome === "refused") {
        seen.refused.push(result.detail);
        throw new Error("refused");
      }
      seen.kept.push(result.refreshToken?.reveal());
      return result.value;
    },
  };
  return Object.assign(seen, { session: made });
}

function world() {
  const host = fakeMachine(Date.now()).host();
  return { host, provider: fakeProvider(host), ...session() };
}

function acquire(
  host: FakeHost,
  one: Session,
  table: TomlTable = {},
  signal = new AbortController().signal,
): Promise<OidcProof> {
  const source = identitySource("oidc-device");
  return source?.acquire(source.parse({ ...IDENTITY, ...table }), { host, signal, session: one }) as Promise<OidcProof>;
}

const sent = (form: URLSearchParams | undefined): Record<string, string> => Object.fromEntries(form ?? []);

describe("a login that is renewed", () => {
  it("sends the refresh token once, as a public client, and hands on its successor", async () => {
    const { host, provider, session: one, kept } = world();
    const proof = await acquire(host, one);
    expect(provider.redeemed.map(sent)).toEqual([
      { grant_type: "refresh_token", refresh_token: "R0", client_id: "people" },
    ]);
    expect(kept).toEqual(["R1"]);
    expect(proof.name).toBe("the id_token of https://idp.corp.example");
  });

  it.each([
    ["temporarily_unavailable", 503],
    ["server_error", 400],
    ["invalid_grant", 400],
  ])("does not hand on a refresh token that the provider quotes with %s", async (error, status) => {
    const { host, provider } = world();
    const refused: string[] = [];
    const one: Session = {
      async redeem(send) {
        const result = await send(new Secret("rt-7c2f9a51"), async () => {});
        if (result.outcome === "refused") refused.push(result.detail);
        throw new Error("refused");
      },
    };
    // The cut at 200 characters falls into the token.
    const error_description = `rt-7c2f9a51 ${"x".repeat(183)} rt-7c2f9a51`;
    provider.onToken(() => json({ error, error_description }, status));
    const thrown = await acquire(host, one).catch((caught) => caught);
    expect(`${thrown.message} ${refused.join()}`).toMatch(/\[secret\] xxx|failed with HTTP 503/);
    expect(`${thrown.message} ${thrown.hint} ${refused.join()}`).not.toContain("rt-");
  });

  it("is not ended by the word of an endpoint that a kept document named, and that is not the provider's any more", async () => {
    const { host, provider, session: one, refused } = world();
    provider.onToken(() => json({ error: "invalid_grant" }, 400));
    const source = identitySource("oidc-device");
    const acquired = (holds: boolean): unknown =>
      source
        ?.acquire(source.parse(IDENTITY), {
          host,
          signal: new AbortController().signal,
          session: one,
          documentsHold: async () => holds,
        })
        .catch((error: unknown) => error);
    expect(await acquired(false)).toMatchObject({ code: "IDP_REFUSED" });
    expect(refused).toEqual([]);
    await acquired(true);
    expect(refused).toHaveLength(1);
  });

  it("names the resources again", async () => {
    const { host, provider, session: one } = world();
    await acquire(host, one, { resource: ["urn:a", "urn:b"] });
    expect(provider.redeemed[0]?.getAll("resource")).toEqual(["urn:a", "urn:b"]);
  });

  it("keeps what is there where the provider does not rotate", async () => {
    const { host, provider, session: one, kept } = world();
    provider.onToken(() => provider.tokens({}, { refresh_token: undefined }));
    await acquire(host, one);
    expect(kept).toEqual([undefined]);
  });

  it("says so where the provider issues no id_token, once the new refresh token is kept", async () => {
    const { host, provider, session: one, kept } = world();
    provider.onToken(() => provider.tokens({}, { id_token: undefined }));
    await expect(acquire(host, one)).rejects.toMatchObject({
      code: "ASSERTION_UNUSABLE",
      message: "https://idp.corp.example issues no id_token when a login is renewed",
      hint: expect.stringContaining('assertion = "access_token"'),
    });
    expect(kept).toEqual(["R1"]);
  });

  it("takes the access token where that is wanted", async () => {
    const { host, provider, session: one } = world();
    provider.onToken(() => provider.tokens({}, { id_token: undefined, access_token: idToken(host) }));
    expect((await acquire(host, one, { assertion: "access_token" })).name).toBe(
      "the access token of https://idp.corp.example",
    );
  });

  it.each([
    ["an id_token of another issuer", { iss: "https://evil.example" }],
    ["an id_token for another client", { aud: "another" }],
    ["an id_token that has ended", { exp: 1 }],
  ])("loses no refresh token over %s", async (_, claims) => {
    const { host, provider, session: one, kept } = world();
    provider.onToken(() => provider.tokens(claims));
    await expect(acquire(host, one)).rejects.toMatchObject({ code: "IDP_INVALID_ANSWER" });
    expect(kept).toEqual(["R1"]);
  });

  it("is over when the provider says invalid_grant, in its words made harmless", async () => {
    const { host, provider, session: one, refused, kept } = world();
    provider.onToken(() => json({ error: "invalid_grant", error_description: "revoked\u001b[2J" }, 400));
    await expect(acquire(host, one)).rejects.toThrow("refused");
    expect(refused).toEqual([
      "https://idp.corp.example does not renew the login any more (invalid_grant: revoked [2J)",
    ]);
    expect(kept).toEqual([]);
  });

  it.each([
    ["temporarily_unavailable", 503, "UNREACHABLE"],
    ["invalid_client", 401, "IDP_REFUSED"],
    ["invalid_scope", 400, "IDP_REFUSED"],
  ])("is not over for %s", async (error, status, code) => {
    const { host, provider, session: one, refused } = world();
    provider.onToken(() => json({ error }, status));
    await expect(acquire(host, one)).rejects.toMatchObject({ code });
    expect(refused).toEqual([]);
  });

  it("is not sent when the time is over before discovery has answered", async () => {
    const { host, provider, session: one } = world();
    const ends = new AbortController();
    host.routes.on("GET", `${ISSUER}/.well-known/openid-configuration`, () => {
      ends.abort();
      return json({ issuer: ISSUER, token_endpoint: `${ISSUER}/token` });
    });
    await expect(acquire(host, one, {}, ends.signal)).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(provider.redeemed).toEqual([]);
  });

  it("is waited for once it is on its way, though the caller's time is over, and has a deadline of its own", async () => {
    const { host, provider, session: one, kept } = world();
    const ends = new AbortController();
    provider.onToken(async () => {
      ends.abort();
      await host.clock.sleep(5 * S);
      return provider.tokens();
    });
    await host.clock.run(acquire(host, one, {}, ends.signal));
    expect(kept).toEqual(["R1"]);
    expect(host.routes.requests.at(-1)).toMatchObject({ timeoutMs: 10 * S, repeatable: false });
    expect(host.routes.requests.at(-1)?.signal?.aborted).toBe(false);
  });
});
