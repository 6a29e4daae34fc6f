import type { CertificateAuthority } from "../../support/certificates.ts";
import type { DelayProxy } from "../../support/delay-proxy.ts";
import type { Sandbox } from "../../support/program.ts";
import type { BareClient } from "./bare-client.ts";

/** A way to credentials from nothing: the servers of it, a configuration, and the same requests without us. */
export interface ColdSource {
  readonly name: string;
  /** Programs of the machine without which it is left out. */
  readonly programs: readonly string[];
  /** Who makes the requests without us; curl's starts are part of what they take. */
  readonly client: "node" | "curl";
  start(place: Place): Promise<StartedSource>;
}

/** Where a source's servers stand. */
export interface Place {
  readonly ca: CertificateAuthority;
  /** The authority's certificate as a file. */
  readonly caFile: string;
  /** A folder that goes with the measurement. */
  readonly sandbox: Sandbox;
  /** An address in front of a server that has still to be started, with the distance in between. */
  front(): Promise<DelayProxy>;
}

export interface StartedSource {
  /** Tables of [identity.corp], and lines of the profile; written for a sandbox that may hold files for them. */
  configure(sandbox: Sandbox): { readonly identity: string; readonly role: string; readonly endpointUrl: string };
  /** Of the program. */
  readonly env?: Readonly<Record<string, string>>;
  /** Before each run, ours or the bare one. */
  prepare?(): void;
  /** Everything from the first request to the answer of STS, in sequence. @returns that answer */
  bare(client: BareClient): Promise<string>;
  /** Requests of clients so far, at the provider and at STS; what STS asks of the provider is not among them. */
  requests(): { readonly idp: number; readonly sts: number };
  stop(): Promise<unknown>;
}
