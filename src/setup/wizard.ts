import { isRegion } from "../config/region.ts";
import { didYouMean } from "../config/suggest.ts";
import { BrokerError } from "../core/errors.ts";
import { hasControlCharacter, printable } from "../core/printable.ts";
import type { TomlTable } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { providerAddress } from "./address.ts";
import { type Asker, type Given, openQuestions } from "./ask.ts";
import { discover } from "./discover.ts";
import { KINDS, type Kind, kindNamed } from "./kinds.ts";
import type { Offers } from "./offers.ts";
import type { Answers } from "./plan.ts";
import { askSecret } from "./secret.ts";

export interface Setup {
  readonly kind: Kind;
  readonly answers: Answers;
  /** One line each, for a person. */
  readonly notes: readonly string[];
}

export interface Where {
  readonly host: Host;
  /** Of the configuration file; what belongs to it lies there as well. */
  readonly directory: string;
  /** Kinds of identity that this program has. */
  readonly kinds: readonly string[];
  readonly signal: AbortSignal;
}

const ROLE = /^arn:[a-z-]{1,20}:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;
/** What every reader of ~/.aws/config and every shell takes without quotes. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}$/;

/**
 * Everything that a setup takes, from the command line, from the provider, and from the person where there is one.
 *
 * @throws BrokerError USAGE naming the option that is missing or wrong; what `discover` throws; LOGIN_REQUIRED when the person gives up
 */
export async function gather(given: Given, asker: Asker | undefined, where: Where): Promise<Setup> {
  const { host } = where;
  const questions = openQuestions(given, asker);
  const address = await questions.parsed(
    { option: "issuer", label: "Address of the identity provider", required: true },
    providerAddress,
  );
  asker?.progress(`asking ${address.host} what it offers`);
  const offers = await discover(address, host, where.signal);
  const kind = await chooseKind(given, asker, offers, where.kinds);
  const notes = doubts(kind, offers);

  const settings: Record<string, string> = {};
  for (const { setting, option, label, required, proposed, with: other } of kind.fields) {
    if (other !== undefined && settings[other] === undefined && given[option] === undefined) continue;
    const value = await questions.text({ option, label, required, proposed: proposed?.(offers) }, plain);
    if (value !== undefined) settings[setting] = value;
  }
  const needsRole = kind.kind.startsWith("oidc-");
  const roleArn = await questions.text(
    {
      option: "role-arn",
      label: needsRole ? "ARN of the role" : "ARN of the role (empty: the one that the provider grants)",
      required: needsRole,
    },
    (text) => (ROLE.test(text) ? undefined : "is not like arn:aws:iam::123456789012:role/NAME"),
  );
  const region = await questions.text(
    {
      option: "region",
      label: "Region (empty: the partition's first)",
      required: false,
      proposed: host.env.AWS_REGION || host.env.AWS_DEFAULT_REGION || undefined,
    },
    (text) => (isRegion(text) ? undefined : "is not the name of a region"),
  );
  const name = (text: string): string | undefined =>
    NAME.test(text) ? undefined : "has to be of letters, digits and _.@+-, at most 64";
  const roleName = roleArn?.slice(roleArn.lastIndexOf("/") + 1);
  const proposed = roleName !== undefined && NAME.test(roleName) ? roleName : undefined;
  const profile =
    (await questions.text({ option: "profile", label: "Name of the profile", required: true, proposed }, name)) ?? "";
  const identity = given.identity ?? profile;
  const wrong = name(identity);
  if (wrong !== undefined) throw new BrokerError("USAGE", `--identity "${printable(identity, 80)}" ${wrong}`);

  const secret = kind.secret === undefined ? undefined : await askSecret(kind.secret, identity, given, asker, where);
  const metadataFile =
    kind.metadata === true && offers.saml !== undefined
      ? { path: `${where.directory}/${identity}-metadata.xml`, xml: offers.saml.metadata }
      : undefined;
  const table: TomlTable = {
    type: kind.kind,
    ...kind.known(offers),
    ...settings,
    ...(secret === undefined || kind.secret === undefined ? {} : { [kind.secret.setting]: secret.place }),
    ...(metadataFile === undefined ? {} : { metadata: metadataFile.path }),
  };
  return {
    kind,
    notes,
    answers: {
      identity: { name: identity, table },
      profile: {
        name: profile,
        table: {
          identity,
          ...(roleArn === undefined ? {} : { role_arn: roleArn }),
          ...(region === undefined ? {} : { region }),
        },
      },
      region,
      secretFile: secret?.file,
      keychainItem: secret?.keychainItem,
      metadataFile,
    },
  };
}

function plain(text: string): string | undefined {
  return hasControlCharacter(text) ? "holds a control character" : undefined;
}

async function chooseKind(
  given: Given,
  asker: Asker | undefined,
  offers: Offers,
  known: readonly string[],
): Promise<Kind> {
  const possible = KINDS.filter(({ kind }) => known.includes(kind));
  const names = possible.map(({ kind }) => kind);
  if (given.type !== undefined) {
    const kind = kindNamed(given.type);
    if (kind === undefined || !names.includes(given.type))
      throw new BrokerError("USAGE", `--type "${printable(given.type, 60)}" is not one that config init sets up`, {
        hint: didYouMean(given.type, names),
      });
    const lives = kind.kind.startsWith("oidc-") ? offers.oidc : offers.saml;
    if (lives === undefined)
      throw new BrokerError(
        "IDP_INVALID_ANSWER",
        `this identity provider has no ${kind.kind.startsWith("oidc-") ? "OpenID Connect discovery" : "SAML metadata"} at that address, and ${kind.kind} needs it`,
      );
    return kind;
  }
  const fitting = possible.filter((kind) => kind.fits(offers));
  if (fitting.length === 0)
    throw new BrokerError(
      "IDP_INVALID_ANSWER",
      "this identity provider offers nothing that config init can set up by itself",
      { hint: "man sts-broker-config has every type; --type takes one whatever the provider says" },
    );
  const listed = fitting.map(({ kind }) => kind).join(", ");
  if (asker === undefined)
    throw new BrokerError("USAGE", `--type is missing: this identity provider offers ${listed}`, {
      hint: `--type ${fitting[0]?.kind}`,
    });
  const chosen = await asker.choose(
    "Who shall get credentials?",
    fitting.map(({ kind, label }) => ({ value: kind, label: `${label} (${kind})` })),
  );
  return kindNamed(chosen) as Kind;
}

/** What speaks against a type that somebody named; providers do not always say all they can. */
function doubts(kind: Kind, offers: Offers): string[] {
  if (kind.fits(offers)) {
    if (kind.kind === "saml-kerberos" && offers.saml?.negotiate !== true)
      return ["its sign-on page did not offer Kerberos (Negotiate) to this machine just now"];
    return [];
  }
  if (kind.kind.endsWith("-kerberos"))
    return ["its login page did not offer Kerberos (Negotiate) to this machine just now"];
  return [`the provider's discovery document does not say that it can do ${kind.kind}`];
}
