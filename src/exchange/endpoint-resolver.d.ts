/** The part of the SDK that knows its endpoints, which its main module does not export. */
declare module "@aws-sdk/client-sts/dist-es/endpoint/endpointResolver.js" {
  export function defaultEndpointResolver(parameters: {
    readonly Region: string;
    readonly UseFIPS: boolean;
    readonly UseDualStack: boolean;
    readonly Endpoint?: string;
  }): { readonly url: URL };
}
