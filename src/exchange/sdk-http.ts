import type { Http, HttpResponse } from "../host/host.ts";

/** What we use of the SDK's HttpRequest. */
interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface SdkHttpOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Sees each answer before the SDK parses it, and throws to keep it from the parser. */
  readonly inspect: (response: HttpResponse) => void;
}

/** Credentials and an error fit into a few kilobytes. */
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * The SDK's HttpHandler on the program's one HTTP stack: its proxy, its authorities (AWS_CA_BUNDLE), its deadline and its body cap.
 * Query strings and streams are not carried: STS's query protocol posts a form.
 */
export function sdkHttp(http: Http, options: SdkHttpOptions) {
  return {
    metadata: { handlerProtocol: "http/1.1" },
    async handle(request: SdkRequest) {
      // Both are the HTTP stack's to say.
      const { host: _host, "content-length": _length, ...headers } = request.headers;
      const port = request.port === undefined ? "" : `:${request.port}`;
      const response = await http.request({
        method: "POST",
        url: `${request.protocol}//${request.hostname}${port}${request.path}`,
        headers,
        body: String(request.body),
        timeoutMs: options.timeoutMs,
        maxBytes: MAX_ANSWER_BYTES,
        tls: { peer: "aws" },
        // What a proof is redeemed for may be asked for twice, and a broken connection tells nobody to slow down.
        repeatable: true,
        signal: options.signal,
      });
      options.inspect(response);
      return { response: { statusCode: response.status, headers: { ...response.headers }, body: response.body } };
    },
    updateHttpClientConfig(): void {},
    httpHandlerConfigs: () => ({}),
    destroy(): void {},
  };
}
