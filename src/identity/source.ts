import type { Secret } from "../core/secret.ts";
import type { SettingsSpec } from "../core/settings.ts";
import type { TomlTable } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import type { Presenter } from "./presenter.ts";

export interface OidcProof {
  readonly kind: "oidc";
  readonly token: Secret;
  /** How errors call it, as in "the access token of https://idp.corp.example". */
  readonly name: string;
  /** What the login leaves for renewing without a person; the broker keeps it. Of a renewal it has been kept already. */
  readonly refreshToken?: Secret | undefined;
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

/** What became of a refresh token that was sent to its provider. */
export type Redemption<T> =
  | {
      readonly outcome: "redeemed";
      readonly value: T;
      /** The one that takes its place, where the provider rotates; undefined: it stays good. */
      readonly refreshToken: Secret | undefined;
    }
  /** The provider will never take it again; `detail` is one line in its words, made printable. */
  | { readonly outcome: "refused"; readonly detail: string };

/** What a former login of the identity left on this machine. */
export interface Session {
  /**
   * Sends the refresh token to its provider, one of the user's processes at a time, and keeps its successor before anything else is done.
   * `send` must not be interrupted once it has sent something, so it has a deadline of its own, and waits for `onItsWay` right before: from
   * then on signals wait, too. What it throws is transient.
   *
   * @returns undefined when no login left anything
   * @throws BrokerError LOGIN_REQUIRED when the provider refuses it, or the store that holds it cannot be asked; LOCK_TIMEOUT
   */
  redeem<T>(
    send: (refreshToken: Secret, onItsWay: () => Promise<void>) => Promise<Redemption<T>>,
  ): Promise<T | undefined>;
}

export interface RevokedToken {
  readonly kind: "refresh_token" | "access_token";
  readonly token: Secret;
}

export interface AcquireContext {
  /** Its HTTP stack judges throttling by itself: THROTTLED for 429, and for 503 with Retry-After. */
  readonly host: Host;
  /** Aborts at the caller's deadline. */
  readonly signal: AbortSignal;
  /** The person in front of the machine; only `login` has one, and then nothing of a former login is used. */
  readonly presenter?: Presenter | undefined;
  /** Undefined for kinds of identity that nobody logs in to. */
  readonly session?: Session | undefined;
  /** After a refusal: whether it is the provider's. False where a kept document led to it, and is not, or may not be, what the provider says now. */
  readonly documentsHold?: (() => Promise<boolean>) | undefined;
  /** The command that brings a person, for the hint of LOGIN_REQUIRED. */
  readonly loginHint?: string | undefined;
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
  /** @throws BrokerError LOGIN_REQUIRED where only a person can go on, IDP_REFUSED, IDP_INVALID_ANSWER, UNREACHABLE, TIMEOUT, SECRET_UNAVAILABLE, SECRET_EXPOSED, COMMAND_FAILED */
  acquire(settings: Settings, context: AcquireContext): Promise<Brought>;
  /** Tells the provider that a token is not used any more; sources that people log in to with a refresh token have it. @see RFC 7009 */
  revoke?(settings: Settings, token: RevokedToken, context: AcquireContext): Promise<"revoked" | "not-offered">;
}
