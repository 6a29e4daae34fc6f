/** The questions, put to a person who is a list of answers. */
import { beforeEach, describe, expect, it } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import type { Asker } from "../../src/setup/ask.ts";
import { planSetup } from "../../src/setup/plan.ts";
import { shownPlan } from "../../src/setup/shown.ts";
import { gather, type Setup } from "../../src/setup/wizard.ts";
import { writePlan } from "../../src/setup/write.ts";
import { failure, USER } from "../config/helpers.ts";
import { type FakeHost, fakeHost, json } from "../support/fake-host.ts";
import { createSamlIssuer } from "../support/saml-issuer.ts";

const ISSUER = "https://idp.corp.example";
const ROLE = "arn:aws:iam::123456789012:role/ci/billing";
const DIRECTORY = "/home/ana/.config/sts-broker";
const KINDS = [
  "oidc-browser",
  "oidc-device",
  "oidc-client-credentials",
  "oidc-kerberos",
  "saml-kerberos",
  "saml-password",
];
const SECRET = "canary-of-the-secret";

let host: FakeHost;
let asked: string[];
beforeEach(() => {
  host = fakeHost({ env: { AWS_REGION: "eu-west-1" } });
  asked = [];
});

function openIdProvider(more: Record<string, unknown> = {}): void {
  const grants = ["authorization_code", "client_credentials"];
  const document = { issuer: ISSUER, authorization_endpoint: `${ISSUER}/auth`, grant_types_supported: grants, ...more };
  for (const path of [
    "/",
    "/auth",
    "/FederationMetadata/2007-06/FederationMetadata.xml",
    "/idp/shibboleth",
    "/saml/metadata",
  ])
    host.routes.on("GET", ISSUER + path, () => ({ status: 404 }));
  for (const path of ["saml2/idp/metadata.php", "module.php/saml/idp/metadata"])
    host.routes.on("GET", `${ISSUER}/simplesaml/${path}`, () => ({ status: 404 }));
  host.routes.on("GET", `${ISSUER}/.well-known/openid-configuration`, () => json(document));
}

/** Answers in order; each belongs to the question that holds its key. */
function person(...answers: readonly (readonly [question: string, answer: string])[]): Asker {
  const left = [...answers];
  const next = (question: string): string => {
    asked.push(question);
    const [expected, answer] = left.shift() ?? ["nothing more", ""];
    expect(question).toContain(expected);
    return answer;
  };
  return {
    progress: () => {},
    ask: async ({ label, secret }) => {
      expect(secret, label).toBe(/^The (client secret|password)$/.test(label));
      return new Secret(next(label));
    },
    choose: async (title, choices) => {
      const answer = next(`${title} ${choices.map(({ value }) => value).join(" ")}`);
      expect(choices.map(({ value }) => value)).toContain(answer);
      return answer;
    },
  };
}

const set = (asker: Asker | undefined, given: Record<string, string> = {}): Promise<Setup> =>
  gather(given, asker, { host, directory: DIRECTORY, kinds: KINDS, signal: new AbortController().signal });

describe("the questions of config init", () => {
  it("lead from an address to a person's profile", async () => {
    openIdProvider();
    const setup = await set(
      person(
        ["Address", "idp.corp.example"],
        ["Who shall get credentials? oidc-browser oidc-client-credentials", "oidc-browser"],
        ["Client id", "sts-broker"],
        ["ARN of the role", ROLE],
        ["Region (empty: the partition's first) [eu-west-1]", ""],
        ["Name of the profile [billing]", ""],
      ),
    );
    expect(setup.answers).toMatchObject({
      identity: { name: "billing", table: { type: "oidc-browser", issuer: ISSUER, client_id: "sts-broker" } },
      profile: { name: "billing", table: { identity: "billing", role_arn: ROLE, region: "eu-west-1" } },
      region: "eu-west-1",
    });
    expect(setup.kind.who).toBe("person");
  });

  it("are put again with what was wrong, and not at all where an option answers them", async () => {
    openIdProvider();
    const setup = await set(
      person(
        ["Address", "http://idp.corp.example"],
        ["does not start with https", ISSUER],
        ["ARN", "billing"],
        ["is not like arn", ROLE],
      ),
      { type: "oidc-browser", "client-id": "x", region: "eu-west-1", profile: "p" },
    );
    expect(setup.answers.profile.name).toBe("p");
    expect(asked).toHaveLength(4);
  });

  it("end when nothing that is said will do", async () => {
    const error = await failure(() => set(person(...Array.from({ length: 9 }, () => ["", "http://x"] as const))));
    expect([error.code, asked.length]).toEqual(["USAGE", 5]);
  });

  it("take a secret that is typed into a new file that only its owner reads, and show it nowhere", async () => {
    openIdProvider();
    const { answers } = await set(
      person(
        ["Audience", ""],
        ["Scope", ""],
        ["Where is the client secret? new keychain file env credential", "new"],
        ["The client secret", SECRET],
      ),
      {
        issuer: ISSUER,
        type: "oidc-client-credentials",
        "client-id": "x",
        "role-arn": ROLE,
        region: "eu-west-1",
        profile: "p",
      },
    );
    expect(answers.identity.table.client_secret).toEqual({ file: `${DIRECTORY}/p.secret` });
    const plan = await planSetup(host, USER, answers);
    const shown = shownPlan(plan);
    expect(shown).toContain(`new file ${DIRECTORY}/p.secret (mode 0600)`);
    expect(shown).not.toContain(SECRET);
    expect(host.machine.disk.below("/home/ana")).toEqual([]);
    expect(await writePlan(host, plan)).toEqual([`${DIRECTORY}/p.secret`, USER, "/home/ana/.aws/config"]);
    expect(host.machine.disk.text(`${DIRECTORY}/p.secret`)).toBe(SECRET);
    expect(host.machine.disk.mode(`${DIRECTORY}/p.secret`)).toBe(0o600);
    for (const file of [USER, "/home/ana/.aws/config"]) expect(host.machine.disk.text(file)).not.toContain(SECRET);
  });

  it("offer the keychain only where it can be written", async () => {
    openIdProvider();
    const options = {
      issuer: ISSUER,
      type: "oidc-client-credentials",
      "client-id": "x",
      audience: "y",
      scope: "z",
      "role-arn": ROLE,
      region: "eu-west-1",
      profile: "p",
    };
    const { answers } = await set(
      person(["secret? new keychain file", "keychain"], ["The client secret", SECRET]),
      options,
    );
    expect(answers.identity.table.client_secret).toEqual({ keychain: "p" });
    expect(answers.keychainItem).toMatchObject({ account: "p" });
    expect(host.keychain.items.size).toBe(0);
    host.keychain.state = "locked";
    await set(person(["secret? new file env", "env"], ["Name of the variable", "SECRET"]), options);
  });

  it("keep SAML metadata beside the configuration, and ask for a keytab's principal only with a keytab", async () => {
    openIdProvider();
    host.routes.on("GET", `${ISSUER}/.well-known/openid-configuration`, () => ({ status: 404 }));
    host.routes.on("GET", `${ISSUER}/adfs/.well-known/openid-configuration`, () => ({ status: 404 }));
    const signOn = `${ISSUER}/adfs/ls/IdpInitiatedSignOn.aspx?loginToRp=urn%3Aamazon%3Awebservices`;
    host.routes.on("GET", signOn, () => ({ status: 200 }));
    const metadata = (await createSamlIssuer()).metadata();
    host.routes.on("GET", `${ISSUER}/FederationMetadata/2007-06/FederationMetadata.xml`, () => ({ body: metadata }));
    const setup = await set(
      person(
        ["saml-kerberos saml-password", "saml-kerberos"],
        ["sign-on page", ""],
        ["Keytab", ""],
        ["ARN", ""],
        ["Region", ""],
        ["Name of the profile", "adfs"],
      ),
      { issuer: ISSUER },
    );
    expect(setup.answers.identity.table).toEqual({
      type: "saml-kerberos",
      url: signOn,
      metadata: `${DIRECTORY}/adfs-metadata.xml`,
    });
    expect(setup.notes.join()).toContain("did not offer Kerberos");
    await writePlan(host, await planSetup(host, USER, setup.answers));
    expect(host.machine.disk.text(`${DIRECTORY}/adfs-metadata.xml`)).toBe(metadata);
    expect((await planSetup(host, USER, setup.answers)).changes).toEqual([]);
  });
});

describe("writing what was planned", () => {
  const OPTIONS = { issuer: ISSUER, type: "oidc-browser", "client-id": "x", "role-arn": ROLE };

  it("notices that a file has changed since it was shown", async () => {
    openIdProvider();
    const plan = await planSetup(host, USER, (await set(undefined, OPTIONS)).answers);
    host.machine.disk.file("/home/ana/.aws/config", "[default]\n");
    const error = await failure(() => writePlan(host, plan));
    expect(error.message).toBe(`/home/ana/.aws/config has changed in the meantime; written before: ${USER}`);
    expect(host.machine.disk.text("/home/ana/.aws/config")).toBe("[default]\n");
  });

  it("says what it had written when the disk is full", async () => {
    openIdProvider();
    const plan = await planSetup(host, USER, (await set(undefined, OPTIONS)).answers);
    host.machine.disk.fail("ENOSPC", "/home/ana/.config");
    const error = await failure(() => writePlan(host, plan));
    expect(error).toBeInstanceOf(BrokerError);
    expect(error.message).toMatch(/cannot be written \(ENOSPC\); nothing was written$/);
  });

  it("warns of long-lived keys that would win", async () => {
    openIdProvider();
    host.machine.disk.file("/home/ana/.aws/credentials", "[billing]\naws_access_key_id = AKIA\n");
    const { notes } = await planSetup(host, USER, (await set(undefined, OPTIONS)).answers);
    expect(notes.join()).toContain("the keys of [billing]");
  });
});
