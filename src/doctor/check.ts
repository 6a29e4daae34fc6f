import type { Configuration } from "../config/files.ts";
import type { Resolved } from "../config/resolve.ts";
import type { BrokerError } from "../core/errors.ts";
import type { Host, HttpResponse, TlsSettings } from "../host/host.ts";
import type { IdentitySource, Proof } from "../identity/source.ts";
import type { Finding } from "./finding.ts";

/** A look at one thing. A new one is a file in checks/ and a line in registry.ts. */
export interface Check {
  /** For scripts; never changed. */
  readonly id: string;
  /** A word or two, as the report has it. */
  readonly title: string;
  /** Asks the network, which `--offline` forbids. */
  readonly network?: boolean;
  /**
   * Bounded by itself: nothing waits longer than the run as a whole. Prompts nobody, opens no browser, unlocks nothing. What it throws
   * becomes a failed line.
   */
  run(context: DoctorContext): Promise<readonly Finding[]>;
}

/** An [identity.…] that a profile in question uses, once however many use it. */
export interface UsedIdentity {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: each source's settings are its own, as in identity/registry.ts
  readonly source: IdentitySource<any>;
  /** What `source.parse` made of the table. */
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  readonly settings: any;
  readonly table: Resolved["profile"]["identity"]["settings"];
  readonly profiles: readonly [Resolved, ...Resolved[]];
}

/** A server that credentials depend on. */
export interface Server {
  /** A harmless GET of it tells whether it is there. */
  readonly url: string;
  /** host, and the port where it is not the scheme's own. */
  readonly host: string;
  readonly role: "identity provider" | "STS";
  readonly tls: TlsSettings;
  /** "idp": the name of the identity, else of the first profile. */
  readonly about: { readonly identity?: string; readonly profile?: string };
}

/** How a GET ended, and when by our own clock. */
export type Answer =
  | { readonly ok: true; readonly response: HttpResponse; readonly atMs: number }
  | { readonly ok: false; readonly error: BrokerError };

/** What every check may look at; what several need is asked for once. */
export interface DoctorContext {
  readonly host: Host;
  /** Nobody is to be asked: for a check that has something to say all the same. */
  readonly offline: boolean;
  /** The one profile in question, where it is one. */
  readonly only: string | undefined;
  /** Undefined where the files cannot be read; why is `unreadable`. */
  readonly configuration: Configuration | undefined;
  readonly unreadable: BrokerError | undefined;
  /** The profiles in question that can be used. */
  readonly profiles: readonly Resolved[];
  /** Why the others cannot, by their names. */
  readonly unusable: ReadonlyMap<string, BrokerError>;
  readonly identities: readonly UsedIdentity[];
  readonly servers: readonly Server[];
  /** @param url of an identity's settings or a server; a GET without anything of ours in it */
  get(url: string, tls: TlsSettings): Promise<Answer>;
  /** What the identity provider says of us now. @throws BrokerError as explain does */
  prove(identity: UsedIdentity): Promise<Proof>;
}
