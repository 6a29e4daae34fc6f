import type { Secret } from "../core/secret.ts";
import type { SettingsSpec } from "../core/settings.ts";
import type { TomlTable } from "../core/types.ts";
import type { Host } from "../host/host.ts";

export interface OidcProof {
  readonly kind: "oidc";
  readonly token: Secret;
  /** How errors call it, as in "the access token of https://idp.corp.example". */
  readonly name: string;
}

export interface SamlProof {
  readonly kind: "saml";
  /** base64 of a samlp:Response, as it goes to AWS. */
  readonly response: Secret;
  /** As in "the SAML response of https://idp.corp.example". */
  readonly name: string;
  /** IdP metadata (XML), where configured: the signature and what it covers are then checked before STS sees it. */
  readonly metadata?: string | undefined;
}

/** What a source brings home. What it says is read and judged in one place for all sources, src/assertion. */
export type Proof = OidcProof | SamlProof;

export interface AcquireContext {
  readonly host: Host;
  /** Aborts at the caller's deadline. */
  readonly signal: AbortSignal;
}

/**
 * A way to prove who we are. A source never prints, never prompts and keeps nothing: the broker caches what comes of it.
 * A new one is a file beside this and a line in registry.ts; validation, `config show`, man pages and completions follow.
 */
export interface IdentitySource<Settings, Brought extends Proof = Proof> {
  /** The value of `type` in an [identity.…] table. */
  readonly kind: string;
  /** What comes of it; "oidc" needs a role_arn in the profile. */
  readonly yields: Brought["kind"];
  /** One line for a person, lowercase, no full stop. */
  readonly summary: string;
  readonly settings: SettingsSpec;
  /** Types have been checked against `settings`; here it is said which go together. @throws SettingError naming the key */
  parse(table: TomlTable): Settings;
  /** @throws BrokerError IDP_REFUSED, IDP_INVALID_ANSWER, UNREACHABLE, TIMEOUT, SECRET_UNAVAILABLE, SECRET_EXPOSED, COMMAND_FAILED */
  acquire(settings: Settings, context: AcquireContext): Promise<Brought>;
}
