/** The part of oidc-provider that the tests use; the package ships no types. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";
  import type { TLSSocket } from "node:tls";

  export interface ProviderContext {
    readonly socket: TLSSocket;
    body: string;
    readonly oidc: { readonly body?: Record<string, string | string[] | undefined> };
  }

  export class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    callback(): (req: IncomingMessage, res: ServerResponse) => Promise<void>;
    on(event: string, listener: (...args: unknown[]) => void): this;
  }
}
