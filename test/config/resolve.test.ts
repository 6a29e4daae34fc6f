import { describe, expect, it } from "vitest";
import { OVERRIDES, PROFILE_SETTINGS, type ProfileSetting } from "../../src/config/profile-settings.ts";
import { firstRegion, isRegion, partitionOf } from "../../src/config/region.ts";
import { nearest } from "../../src/config/suggest.ts";
import { fakeHost } from "../support/fake-host.ts";
import { configured, failure, GOOD, IDENTITY, PROFILE, resolve, SYSTEM, USER } from "./helpers.ts";

const more = (line: string): string => `${GOOD}${line}\n`;

describe("a profile", () => {
  it("is what its tables say, with defaults for the rest", async () => {
    expect((await resolve(configured(GOOD))).profile).toEqual({
      name: "billing",
      role: { arn: "arn:aws:iam::123456789012:role/billing", sessionName: "ana@web1.corp.example" },
      sts: { region: "us-east-1", regionStated: false, useFips: false, useDualstack: false },
      identity: {
        name: "corp",
        kind: "oidc-client-credentials",
        settings: {
          issuer: "https://idp.corp.example",
          client_id: "billing-batch",
          client_secret: { file: "/etc/billing.secret" },
        },
      },
      store: "auto",
    });
  });

  it("takes every setting there is", async () => {
    const host = configured(
      more(`principal_arn = "arn:aws:iam::123456789012:saml-provider/corp"
role_session_name = "{profile}-{user}"
duration_seconds = 900
region = "eu-west-1"
policy = '{"Version":"2012-10-17"}'
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
provider_id = "www.example.com"
endpoint_url = "https://sts.internal.example"
use_fips_endpoint = true
use_dualstack_endpoint = true
store = "file"`),
    );
    const { profile, origins } = await resolve(host);
    expect(profile).toMatchObject({
      role: {
        sessionName: "billing-ana",
        durationSeconds: 900,
        policy: '{"Version":"2012-10-17"}',
        policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        providerId: "www.example.com",
      },
      sts: {
        region: "eu-west-1",
        regionStated: true,
        endpointUrl: "https://sts.internal.example",
        useFips: true,
        useDualstack: true,
      },
      store: "file",
    });
    expect([...origins.keys()].sort()).toEqual(Object.keys(PROFILE_SETTINGS).sort());
    expect([...origins.values()].every(({ from }) => from === "file")).toBe(true);
  });
});

describe("which profile", () => {
  const two = `${GOOD}\n${PROFILE.replace("billing", "audit")}`;
  it.each([
    ["the only one there is", GOOD, undefined, undefined, "billing"],
    ["the variable's", two, undefined, "audit", "audit"],
    ["the flag's before the variable's", two, "billing", "audit", "billing"],
    ["the flag's", two, "audit", undefined, "audit"],
  ])("is %s", async (_, toml, flag, variable, name) => {
    const host = configured(toml, { env: { STS_BROKER_PROFILE: variable } });
    expect((await resolve(host, flag === undefined ? {} : { profile: flag })).profile.name).toBe(name);
  });

  it("is asked for with the list, where there are several", async () => {
    const error = await failure(() => resolve(configured(two)));
    expect([error.code, error.exitCode, error.message, error.hint]).toEqual([
      "PROFILE_UNKNOWN",
      2,
      "which profile? there are billing, audit",
      "--profile billing, or STS_BROKER_PROFILE",
    ]);
  });

  it("that is unknown is answered with the nearest, or the list", async () => {
    const near = await failure(() => resolve(configured(two), { profile: "biling" }));
    expect([near.code, near.message, near.hint]).toEqual([
      "PROFILE_UNKNOWN",
      'there is no profile "biling"',
      'did you mean "billing"?',
    ]);
    const far = await failure(() => resolve(configured(two, { env: { STS_BROKER_PROFILE: "zzz\u001b[31m" } })));
    expect([far.message, far.hint]).toEqual([
      'STS_BROKER_PROFILE names an unknown profile "zzz [31m"',
      "known: billing, audit",
    ]);
  });

  it("says how to start where there is no configuration at all", async () => {
    const error = await failure(() => resolve(fakeHost()));
    expect([error.code, error.exitCode]).toEqual(["CONFIG_MISSING", 2]);
    expect(error.message).toBe(`there is no configuration (looked at ${SYSTEM}, ${USER})`);
    expect(error.hint).toContain("sts-broker config example");
    expect((await failure(() => resolve(fakeHost(), { profile: "billing" }))).code).toBe("CONFIG_MISSING");
    expect((await failure(() => resolve(configured(IDENTITY)))).message).toBe(`no [profile.…] in ${USER}`);
  });

  it("with a control character in its name is refused", async () => {
    const host = configured(`${IDENTITY}\n${PROFILE.replace("billing", '"bil\\nling"')}`);
    expect((await failure(() => resolve(host))).message).toBe(
      `${USER}:7:2: the profile's name holds a control character`,
    );
  });
});

describe("precedence", () => {
  const VALUES: Partial<Record<ProfileSetting, [flag: string, env: string, file: string]>> = {
    role_arn: [
      "arn:aws:iam::111111111111:role/r",
      "arn:aws:iam::222222222222:role/r",
      "arn:aws:iam::333333333333:role/r",
    ],
    role_session_name: ["from-flag", "from-env", "from-file"],
    duration_seconds: ["1001", "1002", "1003"],
    region: ["eu-west-1", "eu-west-2", "eu-west-3"],
    store: ["none", "file", "keychain"],
  };

  it("has a value in this table for every setting that can be overridden", () => {
    expect(Object.keys(VALUES).sort()).toEqual(Object.keys(OVERRIDES).sort());
  });

  for (const [key, [flagged, stated, filed]] of Object.entries(VALUES) as [
    ProfileSetting,
    [string, string, string],
  ][]) {
    it(`of ${key} is flag, then environment, then file`, async () => {
      const env = OVERRIDES[key]?.env ?? "";
      const quoted = key === "duration_seconds" ? filed : `"${filed}"`;
      const toml =
        key === "role_arn" ? GOOD.replace(/role_arn = .*/, `role_arn = ${quoted}`) : more(`${key} = ${quoted}`);
      const read = async (variable: string | undefined, flag: string | undefined) => {
        const host = configured(toml, { env: { [env]: variable } });
        const { profile, origins } = await resolve(host, flag === undefined ? {} : { settings: { [key]: flag } });
        const { role, sts, store } = profile;
        const all: Partial<Record<ProfileSetting, unknown>> = {
          role_arn: role.arn,
          role_session_name: role.sessionName,
          duration_seconds: role.durationSeconds,
          region: sts.region,
          store,
        };
        return [String(all[key]), origins.get(key)];
      };
      expect(await read(stated, flagged)).toEqual([flagged, { from: "flag", name: `--${OVERRIDES[key]?.flag}` }]);
      expect(await read(stated, undefined)).toEqual([stated, { from: "environment", name: env }]);
      expect(await read("", undefined)).toEqual([
        filed,
        { from: "file", file: USER, path: ["profile", "billing", key] },
      ]);
    });
  }

  it("of the user's file before the system's is by whole tables", async () => {
    const host = configured(PROFILE);
    host.machine.disk.file(SYSTEM, more('region = "eu-west-1"\nstore = "none"'), { uid: 0, mode: 0o644 });
    const { profile } = await resolve(host);
    expect([profile.sts.region, profile.store]).toEqual(["us-east-1", "auto"]);
  });

  it.each([
    [
      "region",
      { AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "eu-west-2" },
      { region: "eu-west-1", regionStated: true },
    ],
    ["region", { AWS_DEFAULT_REGION: "eu-west-2" }, { region: "eu-west-2", regionStated: true }],
    ["endpoint", { AWS_ENDPOINT_URL_STS: "https://a.example" }, { endpointUrl: "https://a.example" }],
    ["FIPS", { AWS_USE_FIPS_ENDPOINT: "TRUE" }, { useFips: true }],
    ["dual-stack", { AWS_USE_DUALSTACK_ENDPOINT: "false" }, { useDualstack: false }],
  ])("of AWS's own variables is below the file: %s", async (_, env, sts) => {
    expect((await resolve(configured(GOOD, { env }))).profile.sts).toMatchObject(sts);
    const all =
      'region = "ca-west-1"\nendpoint_url = "https://b.example"\nuse_fips_endpoint = false\nuse_dualstack_endpoint = true';
    expect((await resolve(configured(more(all), { env }))).profile.sts).toEqual({
      region: "ca-west-1",
      regionStated: true,
      endpointUrl: "https://b.example",
      useFips: false,
      useDualstack: true,
    });
  });

  it.each([
    [{ STS_BROKER_DURATION_SECONDS: "1h" }, 'STS_BROKER_DURATION_SECONDS "1h" is not a whole number'],
    [{ STS_BROKER_DURATION_SECONDS: "899" }, "STS_BROKER_DURATION_SECONDS must be between 900 and 43200, not 899"],
    [{ STS_BROKER_REGION: "Europe" }, 'STS_BROKER_REGION "Europe" is not the name of a region'],
    [{ STS_BROKER_STORE: "fil" }, 'STS_BROKER_STORE "fil" is not a store'],
    [{ STS_BROKER_ROLE_ARN: "billing" }, 'STS_BROKER_ROLE_ARN "billing" is not the ARN of a role'],
    [{ AWS_USE_FIPS_ENDPOINT: "1" }, 'AWS_USE_FIPS_ENDPOINT "1" is neither true nor false'],
    [
      { AWS_ENDPOINT_URL_STS: "http://sts.example" },
      "AWS_ENDPOINT_URL_STS must start with https:// (plain http only to loopback)",
    ],
  ])("names the variable and no file when it is wrong: %j", async (env, message) => {
    expect((await failure(() => resolve(configured(GOOD, { env })))).message).toBe(message);
  });

  it("names the flag when that is wrong", async () => {
    const error = await failure(() => resolve(configured(GOOD), { settings: { region: "x" } }));
    expect(error.message).toBe('--region "x" is not the name of a region');
  });
});

describe("a region", () => {
  it.each([
    ["aws", "us-east-1"],
    ["aws-cn", "cn-north-1"],
    ["aws-us-gov", "us-gov-west-1"],
    ["aws-iso", "us-iso-east-1"],
    ["aws-iso-b", "us-isob-east-1"],
    ["aws-iso-e", "eu-isoe-west-1"],
    ["aws-iso-f", "us-isof-south-1"],
    ["aws-eusc", "eusc-de-east-1"],
  ])("of the partition %s is %s when nobody states one", async (partition, region) => {
    expect(firstRegion(partition)).toBe(region);
    expect(partitionOf(region)).toBe(partition);
    const host = configured(GOOD.replace("arn:aws:", `arn:${partition}:`));
    expect((await resolve(host)).profile.sts).toMatchObject({ region, regionStated: false });
  });

  it("of another partition than the role's is refused", async () => {
    const host = configured(more('region = "cn-north-1"'));
    expect((await failure(() => resolve(host))).message).toBe(
      `${USER}:10:1: region cn-north-1 is in the partition aws-cn, the role in aws`,
    );
  });

  it("has to be stated for a partition nobody has heard of", async () => {
    const toml = GOOD.replace("arn:aws:", "arn:aws-moon:");
    expect((await failure(() => resolve(configured(toml)))).hint).toBe("set region");
    const host = configured(`${toml}region = "moon-south-1"`);
    expect((await resolve(host)).profile.sts.region).toBe("moon-south-1");
  });

  it.each([
    "eu-west-1.evil.example",
    "eu-west-1/",
    "eu-west-1#",
    "@eu-west-1",
    "EU-WEST-1",
    "eu",
    "-eu-west-1",
    "eu--1",
    "",
  ])("may not be %j: it becomes part of a host name", (text) => expect(isRegion(text)).toBe(false));
});

describe("what is wrong is named by file:line:column", () => {
  it.each([
    [
      "an ordinary key",
      more("regoin = 1"),
      '10:1: unknown key "regoin" in [profile.billing]',
      'did you mean "region"?',
    ],
    ["a quoted key", more('"regoin" = 1'), '10:1: unknown key "regoin" in [profile.billing]', 'did you mean "region"?'],
    [
      "a literal key",
      more("'regoin' = 1"),
      '10:1: unknown key "regoin" in [profile.billing]',
      'did you mean "region"?',
    ],
    ["a key with dots in its name", more('"a.b" = 1'), '10:1: unknown key "a.b" in [profile.billing]', undefined],
    [
      "after CRLF",
      more("regoin = 1").replaceAll("\n", "\r\n"),
      '10:1: unknown key "regoin" in [profile.billing]',
      undefined,
    ],
    [
      "after a byte order mark",
      `\ufeff${more("regoin = 1")}`,
      '10:1: unknown key "regoin" in [profile.billing]',
      undefined,
    ],
    [
      "after a multi-line string",
      more('policy = """\n{\n}"""\nregoin = 1'),
      '13:1: unknown key "regoin" in [profile.billing]',
      undefined,
    ],
    ["after indentation", more("    regoin = 1"), '10:5: unknown key "regoin" in [profile.billing]', undefined],
    [
      "in a dotted key",
      `profile.billing.regoin = 1\n${IDENTITY}`,
      '1:17: unknown key "regoin" in [profile.billing]',
      undefined,
    ],
    [
      "a required key that is missing",
      `${IDENTITY}\n[profile.billing]\nrole_arn = "arn:aws:iam::123456789012:role/billing"`,
      "7:2: [profile.billing] has no identity",
      undefined,
    ],
    [
      "a value",
      more("duration_seconds = 60"),
      "10:1: duration_seconds must be between 900 and 43200, not 60",
      undefined,
    ],
  ] as [string, string, string, string | undefined][])("%s", async (_, toml, message, hint) => {
    const error = await failure(() => resolve(configured(toml), { profile: "billing" }));
    expect(error.message).toBe(`${USER}:${message}`);
    if (hint !== undefined) expect(error.hint).toBe(hint);
  });

  it("in an inline table", async () => {
    const host = configured(`profile = { billing = { identity = "corp", regoin = 1, role_arn = "x" } }\n${IDENTITY}`);
    expect((await failure(() => resolve(host))).message).toBe(
      `${USER}:1:44: unknown key "regoin" in [profile.billing]`,
    );
  });

  it("with the file in which the identity stands, where that is another", async () => {
    const host = configured(PROFILE);
    host.machine.disk.file(SYSTEM, '\n[identity.corp]\nissuer = "x"\n', { uid: 0, mode: 0o644 });
    expect((await failure(() => resolve(host))).message).toBe(`${SYSTEM}:2:2: [identity.corp] has no type`);
  });

  it("with no control character, whatever the key", async () => {
    const error = await failure(() => resolve(configured(more('"\\u001b[31m\\u0007" = 1'))));
    expect(`${error.message}${error.hint}`).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });
});

describe("a setting of a profile", () => {
  it.each([
    ["identity = 1", "identity must be a string"],
    ['role_arn = ""', "role_arn is empty"],
    ["role_arn = true", "role_arn must be a string"],
    [
      'role_arn = "arn:aws:iam::123456789012:user/x"',
      'role_arn "arn:aws:iam::123456789012:user/x" is not the ARN of a role',
    ],
    ['role_arn = "arn:aws:iam::12345:role/x"', 'role_arn "arn:aws:iam::12345:role/x" is not the ARN of a role'],
    ["role_session_name = 1", "role_session_name must be a string"],
    ['role_session_name = ""', "role_session_name is empty"],
    ['role_session_name = "{nobody}"', "role_session_name has the unknown placeholder {nobody}"],
    ['role_session_name = "a\\u0000b"', "role_session_name holds a control character"],
    ["duration_seconds = 900.5", "duration_seconds must be a whole number"],
    ['duration_seconds = "900"', "duration_seconds must be a whole number"],
    ["duration_seconds = 899", "duration_seconds must be between 900 and 43200, not 899"],
    ["duration_seconds = 43201", "duration_seconds must be between 900 and 43200, not 43201"],
    ["duration_seconds = inf", "duration_seconds must be a whole number"],
    ["duration_seconds = nan", "duration_seconds must be a whole number"],
    ["duration_seconds = 2026-01-01", "duration_seconds must be a whole number"],
    ["region = []", "region must be a string"],
    ["region = 2026-01-01T00:00:00Z", "region must be a string"],
    ['region = "eu-west-1\\r\\nHost: x"', "region holds a control character"],
    ["policy = {}", "policy must be a string"],
    ['policy = "no"', "policy is not JSON"],
    ['policy = "[]"', "policy is not a JSON object"],
    ['policy = "null"', "policy is not a JSON object"],
    [`policy = '{"a":"${"x".repeat(2048)}"}'`, "policy has 2056 characters, and STS takes at most 2048"],
    ['policy_arns = "x"', "policy_arns must be a list of strings"],
    ["policy_arns = []", "policy_arns must be a list of strings"],
    ["policy_arns = [1]", "policy_arns must be a list of strings"],
    [`policy_arns = [${'"a",'.repeat(11)}]`, "policy_arns holds 11 entries, and at most 10 are allowed"],
    ["provider_id = 1", "provider_id must be a string"],
    ["endpoint_url = 1", "endpoint_url must be a string"],
    ['endpoint_url = "sts"', "endpoint_url is not a URL"],
    ['endpoint_url = "http://sts.example"', "endpoint_url must start with https:// (plain http only to loopback)"],
    ['endpoint_url = "http://127.evil.example"', "endpoint_url must start with https:// (plain http only to loopback)"],
    ['endpoint_url = "ftp://127.0.0.1"', "endpoint_url must start with https:// (plain http only to loopback)"],
    ['endpoint_url = "https://u:p@sts.example"', "endpoint_url must not hold a user name or password"],
    ['use_fips_endpoint = "yes"', "use_fips_endpoint must be true or false"],
    ["use_dualstack_endpoint = 1", "use_dualstack_endpoint must be true or false"],
    ["store = 1", "store must be a string"],
    ['store = "keychian"', 'store "keychian" is not a store'],
  ])("is refused: %s", async (line, message) => {
    const key = line.split(" ")[0] ?? "";
    const toml = GOOD.includes(`\n${key} =`)
      ? GOOD.replace(new RegExp(`\n${key} = .*`), () => `\n${line}`)
      : more(line);
    const error = await failure(() => resolve(configured(toml)));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toMatch(/config\.toml:\d+:\d+: /);
    expect(error.message.replace(/^.*config\.toml:\d+:\d+: /, "")).toBe(message);
  });

  it.each(["http://127.0.0.1:4566", "http://localhost:1", "http://[::1]:1", "https://x.example:8443/path"])(
    "may be the endpoint %s",
    async (url) => {
      expect((await resolve(configured(more(`endpoint_url = "${url}"`)))).profile.sts.endpointUrl).toBe(url);
    },
  );
});

describe("the nearest word", () => {
  it.each([
    ["regoin", "region"],
    ["Region", "region"],
    ["role-arn", "role_arn"],
    ["rolearn", "role_arn"],
    ["durationseconds", "duration_seconds"],
    ["something", undefined],
    ["", undefined],
    ["x".repeat(100_000), undefined],
  ])("to %.20s is %s", (word, near) => expect(nearest(word, Object.keys(PROFILE_SETTINGS))).toBe(near));
});
