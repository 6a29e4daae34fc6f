/** Requests and nothing around them: node:https in this process, which is warm; one kept connection to a server, and none at the start. */
import { Agent, request } from "node:https";

export interface BareAnswer {
  readonly status: number;
  readonly cookie: string;
  readonly location: string;
  readonly text: string;
}

export interface BareRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent by POST; a form, or a text with its type in the headers. */
  readonly body?: Readonly<Record<string, string>> | string;
}

export interface BareClient {
  send(url: string, options?: BareRequest): Promise<BareAnswer>;
  close(): void;
}

export function bareClient(ca: string): BareClient {
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 1 });
  return {
    close: () => agent.destroy(),
    send: (url, { headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const form = typeof body === "object";
        const text = form ? new URLSearchParams(body).toString() : body;
        const sent = request(url, {
          agent,
          method: text === undefined ? "GET" : "POST",
          headers: {
            ...(form ? { "content-type": "application/x-www-form-urlencoded" } : {}),
            ...(text === undefined ? {} : { "content-length": String(Buffer.byteLength(text)) }),
            ...headers,
          },
        });
        sent.once("error", reject);
        sent.once("response", async (response) => {
          const chunks = (await response.toArray()) as Buffer[];
          resolve({
            status: response.statusCode ?? 0,
            cookie: (response.headers["set-cookie"] ?? []).map((line) => line.split(";")[0]).join("; "),
            location: response.headers.location ?? "",
            text: Buffer.concat(chunks).toString("utf8"),
          });
        });
        sent.end(text);
      }),
  };
}

/** AssumeRoleWithWebIdentity, as bare. */
export async function redeemToken(client: BareClient, stsUrl: string, role: string, token: string): Promise<string> {
  const call = { RoleArn: role, RoleSessionName: "bench", WebIdentityToken: token };
  return (await client.send(stsUrl, { body: { Action: "AssumeRoleWithWebIdentity", Version: "2011-06-15", ...call } }))
    .text;
}

/** AssumeRoleWithSAML, as bare. */
export async function redeemResponse(
  client: BareClient,
  stsUrl: string,
  arns: { readonly role: string; readonly provider: string },
  response: string,
): Promise<string> {
  const call = { RoleArn: arns.role, PrincipalArn: arns.provider, SAMLAssertion: response };
  return (await client.send(stsUrl, { body: { Action: "AssumeRoleWithSAML", Version: "2011-06-15", ...call } })).text;
}
