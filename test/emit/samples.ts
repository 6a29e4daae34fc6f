import fc from "fast-check";
import { Secret } from "../../src/core/secret.ts";
import type { SessionCredentials } from "../../src/core/types.ts";
import type { EmitContext } from "../../src/emit/format.ts";

/** What AWS issues looks like this: base64 and its padding. */
export const CREDENTIALS: SessionCredentials = {
  accessKeyId: "ASIAIOSFODNN7EXAMPLE",
  secretAccessKey: new Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
  sessionToken: new Secret("IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMQ=="),
  expiresAtMs: Date.UTC(2030, 0, 2, 3, 4, 5, 678),
  assumedRoleArn: "arn:aws:sts::123456789012:assumed-role/billing/host-1",
};

export const CONTEXT: EmitContext = { profile: "billing", region: "eu-west-1" };

/** The four values somebody else shapes. */
export interface Values {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly region: string;
}

export function credentialsWith(values: Values): [SessionCredentials, EmitContext] {
  return [
    {
      ...CREDENTIALS,
      accessKeyId: values.accessKeyId,
      secretAccessKey: new Secret(values.secretAccessKey),
      sessionToken: new Secret(values.sessionToken),
    },
    { profile: "billing", region: values.region },
  ];
}

/** Name and value as the variables have to arrive. */
export function expectedVariables(values: Values): [string, string][] {
  return [
    ["AWS_ACCESS_KEY_ID", values.accessKeyId],
    ["AWS_SECRET_ACCESS_KEY", values.secretAccessKey],
    ["AWS_SESSION_TOKEN", values.sessionToken],
    ["AWS_CREDENTIAL_EXPIRATION", "2030-01-02T03:04:05Z"],
    ["AWS_REGION", values.region],
    ["AWS_DEFAULT_REGION", values.region],
  ];
}

const FRAGMENTS = [
  ..."'\"`\\$%!^&|;<>(){}[]*?~#=:,.@+-_/ ",
  "''",
  "\\'",
  "'\\''",
  "$(id)",
  "`id`",
  `\${HOME}`,
  "%PATH%",
  "!!",
  "~root",
  "=ls",
  ":=ls",
  "{a,b}",
  " -n",
  " #",
  "; id",
  "‘",
  "’",
  "‚",
  "‛",
  "“",
  "В",
  "é",
  "ß",
  "漢",
  "😀",
  "\u00a0",
  "\u2028",
  "\ufeff",
  "\uf600",
];

const nonAscii = fc
  .string({ unit: "binary", minLength: 1, maxLength: 1 })
  .filter((text) => !isControl(text) && !isNoncharacter(text));

/** One line of text with everything in it that some reader takes for syntax. */
export const hostileText = fc.string({
  unit: fc.oneof(
    { arbitrary: fc.constantFrom(...FRAGMENTS), weight: 5 },
    { arbitrary: fc.constantFrom(..."aZ09"), weight: 2 },
    { arbitrary: nonAscii, weight: 1 },
  ),
  minLength: 1,
  maxLength: 24,
});

export const hostileValues: fc.Arbitrary<Values> = fc.record({
  accessKeyId: hostileText,
  secretAccessKey: hostileText,
  sessionToken: hostileText,
  region: hostileText,
});

/** Every fragment alone, leading, trailing and between letters. */
export const FIXED_VALUES: readonly Values[] = FRAGMENTS.map((fragment) => ({
  accessKeyId: fragment,
  secretAccessKey: `${fragment}a`,
  sessionToken: `a${fragment}`,
  region: `a${fragment}b${fragment}c`,
}));

export const controlCharacter = fc
  .oneof(fc.integer({ min: 0, max: 0x1f }), fc.integer({ min: 0x7f, max: 0x9f }))
  .map((code) => String.fromCharCode(code));

function isControl(text: string): boolean {
  const code = text.codePointAt(0) ?? 0;
  return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

function isNoncharacter(text: string): boolean {
  const code = text.codePointAt(0) ?? 0;
  return (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
}
