import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { credentialsKey, tokenKey } from "../../src/cache/key.ts";
import type { Profile, TomlTable } from "../../src/core/types.ts";
import { crypto } from "../../src/host/crypto.ts";
import { fakeMachine } from "../support/fake-host.ts";
import { PROFILE } from "./samples.ts";

type Env = Record<string, string>;
const at = (env: Env) => ({ ...fakeMachine().host({ env }), env, crypto });
const key = (profile: Profile, env: Env = {}): string => credentialsKey(profile, at(env));
const token = (profile: Profile, env: Env = {}): string => tokenKey(profile, at(env));
const role = (change: object): Profile => ({ ...PROFILE, role: { ...PROFILE.role, ...change } });
const sts = (change: object): Profile => ({ ...PROFILE, sts: { ...PROFILE.sts, ...change } });
const identity = (change: object): Profile => ({ ...PROFILE, identity: { ...PROFILE.identity, ...change } });
const settings = (change: TomlTable): Profile => identity({ settings: { ...PROFILE.identity.settings, ...change } });

function without(field: keyof Profile["role"]): Profile {
  const { [field]: _, ...rest } = PROFILE.role;
  return { ...PROFILE, role: rest as Profile["role"] };
}

describe("the key of a profile's credentials", () => {
  const shaping: Record<string, Profile> = {
    "the role": role({ arn: "arn:aws:iam::123456789012:role/Billing" }),
    "the session name": role({ sessionName: "bob@web1" }),
    "the duration": role({ durationSeconds: 3601 }),
    "no duration": without("durationSeconds"),
    "the policy": role({ policy: '{"Version": "2012-10-17"}' }),
    "no policy": without("policy"),
    "the managed policies": role({ policyArns: ["arn:aws:iam::aws:policy/Other"] }),
    "one managed policy more": role({ policyArns: [...(PROFILE.role.policyArns ?? []), "arn:aws:iam::aws:policy/B"] }),
    "no managed policies": without("policyArns"),
    "the provider id": role({ providerId: "other" }),
    "no provider id": without("providerId"),
    "the region": sts({ region: "eu-west-2" }),
    "the endpoint": sts({ endpointUrl: "https://vpce2.example" }),
    "no endpoint": sts({ endpointUrl: undefined }),
    FIPS: sts({ useFips: true }),
    "dual-stack": sts({ useDualstack: true }),
    "the kind of identity": identity({ kind: "token-file" }),
    "the issuer": settings({ issuer: "https://idp.corp.example/" }),
    "the client": settings({ client_id: "billing-batch2" }),
    "the place of the secret": settings({ client_secret: { file: "/etc/t" } }),
    "the kind of place": settings({ client_secret: { env: "/etc/s" } }),
    "one setting more": settings({ scope: "aws" }),
    "a parameter": settings({ parameters: { a: "1" } }),
    "the value of a parameter": settings({ parameters: { a: "2" } }),
    "a resource": settings({ resource: ["a", "b"] }),
    "the order of resources": settings({ resource: ["b", "a"] }),
    "two resources in one": settings({ resource: ["a,b"] }),
    "a setting called __proto__": identity({ settings: JSON.parse('{"__proto__":{"issuer":"x"}}') as TomlTable }),
  };
  for (const [what, profile] of Object.entries(shaping)) {
    it(`changes with ${what}`, () => expect(key(profile)).not.toBe(key(PROFILE)));
  }

  it("differs for each of these changes", () => {
    const all = [PROFILE, ...Object.values(shaping)].map((one) => key(one));
    expect(new Set(all).size).toBe(all.length);
  });

  it.each([
    ["the profile's name", { ...PROFILE, name: "other" }],
    ["the store", { ...PROFILE, store: "file" }],
    ["the identity's name", identity({ name: "corp2" })],
    ["whether the region was stated", sts({ regionStated: false })],
  ] as [string, Profile][])("does not change with %s", (_, profile) => expect(key(profile)).toBe(key(PROFILE)));

  it("changes with what a source takes from the environment, and with nothing else there", () => {
    const unit = (path: string): Profile => identity({ kind: "token-file", settings: { path } });
    const credential = unit("$CREDENTIALS_DIRECTORY/token");
    const a = { CREDENTIALS_DIRECTORY: "/run/credentials/a.service" };
    const b = { CREDENTIALS_DIRECTORY: "/run/credentials/b.service" };
    expect(key(credential, a)).not.toBe(key(credential, b));
    expect(token(credential, a)).not.toBe(token(credential, b));
    expect(key(unit("/var/token"), a)).toBe(key(unit("/var/token"), b));
    const program = identity({ kind: "token-command", settings: { command: ["/bin/x"], pass_env: ["TEAM"] } });
    expect(key(program, { TEAM: "red" })).not.toBe(key(program, { TEAM: "blue" }));
    expect(key(program, { OTHER: "red" })).toBe(key(program, { OTHER: "blue" }));
  });

  it("changes with what tells the Kerberos library whose ticket to take, and not with a trace", () => {
    const sso = identity({ kind: "saml-kerberos", settings: { url: "https://idp.corp.example/aws" } });
    for (const name of ["KRB5_CLIENT_KTNAME", "KRB5_CONFIG", "GSS_USE_PROXY"]) {
      expect(key(sso, { [name]: "/etc/a" })).not.toBe(key(sso, { [name]: "/etc/b" }));
      expect(key(sso, { [name]: "/etc/a" })).not.toBe(key(sso));
    }
    expect(key(sso, { KRB5_TRACE: "/dev/stderr", OTHER: "x" })).toBe(key(sso));
    const keytab = identity({ kind: "saml-kerberos", settings: { keytab: "/etc/krb5.keytab" } });
    expect(key(keytab, { KRB5_CLIENT_KTNAME: "/etc/a" })).toBe(key(keytab));
  });

  it("does not depend on the order of settings, at any depth", () => {
    const table = fc.dictionary(
      fc.string(),
      fc.oneof(fc.string(), fc.integer(), fc.dictionary(fc.string(), fc.string())),
    );
    fc.assert(
      fc.property(table, (one) => {
        const turned = (value: unknown): unknown =>
          typeof value === "object" && value !== null && !Array.isArray(value)
            ? Object.fromEntries(
                Object.entries(value)
                  .reverse()
                  .map(([name, inner]) => [name, turned(inner)]),
              )
            : value;
        const there = identity({ settings: one as TomlTable });
        const back = identity({ settings: turned(one) as TomlTable });
        expect(key(back)).toBe(key(there));
      }),
    );
  });

  it("differs wherever two tables of settings differ", () => {
    const table = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.array(fc.string())));
    fc.assert(
      fc.property(table, table, (a, b) => {
        const sorted = (one: object): string =>
          JSON.stringify(Object.entries(one).sort(([x], [y]) => (x < y ? -1 : 1)));
        const same = sorted(a) === sorted(b);
        expect(key(identity({ settings: a })) === key(identity({ settings: b }))).toBe(same);
      }),
    );
  });

  it("is a plain file name", () => expect(key(PROFILE)).toMatch(/^[0-9a-f]{64}$/));
});

describe("the key of an identity's token", () => {
  it("does not change with the role or the endpoint, and does with the identity", () => {
    expect(token(role({ arn: "x", sessionName: "y" }))).toBe(token(PROFILE));
    expect(token(sts({ region: "z" }))).toBe(token(PROFILE));
    expect(token(settings({ audience: "other" }))).not.toBe(token(PROFILE));
    expect(token(identity({ kind: "token-file" }))).not.toBe(token(PROFILE));
  });

  it("is never that of credentials", () => expect(token(PROFILE)).not.toBe(key(PROFILE)));
});
