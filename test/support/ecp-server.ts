/** An identity provider's ECP endpoint, written from the ECP profile 2.0 and the PAOS binding, strict about what it takes. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { listen, type ServerTls } from "./listening-server.ts";
import { at, attribute, receivedXml } from "./received-xml.ts";
import { type AssertionOptions, AWS_RECIPIENT, type SamlIssuer } from "./saml-issuer.ts";

const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const SAML = "urn:oasis:names:tc:SAML:2.0:assertion";
const SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol";
const ECP = "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp";
const STATUS = "urn:oasis:names:tc:SAML:2.0:status:";
const PATH = "/idp/profile/SAML2/SOAP/ECP";

/** How a provider says no: all of them are seen. */
export type EcpRefusal = "challenge" | "status" | "fault" | "page-400";

export interface EcpServer {
  /** Of the endpoint. */
  readonly url: string;
  readonly users: Map<string, string>;
  refusal: EcpRefusal;
  /** With Negotiate instead of Basic. */
  negotiate: ((token: string) => { readonly accepted: boolean; readonly answer?: string }) | undefined;
  assertion: AssertionOptions;
  /** Status instead of Success, with its message. */
  status: readonly [code: string, message: string] | undefined;
  /** True: prefixes of the Response are declared on the Envelope only. */
  declareOnEnvelope: boolean;
  signResponse: boolean;
  acsUrl: string;
  inResponseTo: string | undefined;
  answer:
    | ((correct: string) => { readonly status?: number; readonly type?: string; readonly body: string | Buffer })
    | undefined;
  readonly received: string[];
  /** Why the last request was no proper ECP request. */
  refusedBecause: string | undefined;
  metadata(): string;
  close(): Promise<void>;
}

export async function startEcpServer(issuer: SamlIssuer, tls?: ServerTls): Promise<EcpServer> {
  const listening = await listen((req, res) => void answerRequest(req, res), tls);
  const server: EcpServer = {
    url: `${listening.url}${PATH}`,
    users: new Map([["svc-billing", "päss:word&<1>"]]),
    refusal: "challenge",
    negotiate: undefined,
    assertion: {},
    status: undefined,
    declareOnEnvelope: false,
    signResponse: false,
    acsUrl: AWS_RECIPIENT,
    inResponseTo: undefined,
    answer: undefined,
    received: [],
    refusedBecause: undefined,
    metadata: () =>
      issuer.metadata(
        `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="${listening.url}/sso"/>` +
          `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="${listening.url}${PATH}"/>`,
      ),
    close: listening.close,
  };
  return server;

  async function answerRequest(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("utf8");
    server.received.push(body);
    server.refusedBecause = undefined;
    if (req.url === "/metadata")
      return void res.writeHead(200, { "content-type": "application/samlmetadata+xml" }).end(server.metadata());
    if (req.url !== PATH) return page(res, 404, "Not Found");
    if (server.negotiate !== undefined) {
      const token = /^Negotiate (\S+)$/.exec(req.headers.authorization ?? "")?.[1];
      const judged = token === undefined ? undefined : server.negotiate(token);
      const answer = judged?.answer === undefined ? "Negotiate" : `Negotiate ${judged.answer}`;
      if (token === undefined || judged?.answer !== undefined) res.setHeader("www-authenticate", answer);
      if (judged?.accepted !== true) return page(res, 401, "Unauthorized");
    } else if (!authenticated(req.headers.authorization)) return refuse(res);

    let id: string;
    try {
      id = checked(req, body);
    } catch (error) {
      server.refusedBecause = String(error);
      return fault(res, "Client", "Invalid SOAP message from requester.");
    }
    const correct = issued(id);
    const {
      status = 200,
      type = "text/xml; charset=utf-8",
      body: sent,
    } = server.answer?.(correct) ?? { body: correct };
    res.writeHead(status, { "content-type": type }).end(sent);
  }

  /** @see ECP profile 2.0 §2.3.2, bindings §3.2, §3.3 */
  function checked(req: IncomingMessage, body: string): string {
    const must = (holds: boolean, what: string): void => {
      if (!holds) throw new Error(what);
    };
    must(req.method === "POST", "method");
    must(/^text\/xml; ?charset=utf-8$/i.test(req.headers["content-type"] ?? ""), "content type");
    must((req.headers.accept ?? "").includes("application/vnd.paos+xml"), "Accept");
    must(
      /^ver="urn:liberty:paos:2003-08"\s*;\s*"urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"/.test(
        String(req.headers.paos),
      ),
      "PAOS",
    );
    must(req.headers.soapaction === '"http://www.oasis-open.org/committees/security"', "SOAPAction");
    const envelope = receivedXml(body);
    must(envelope.name === "Envelope" && envelope.namespace === SOAP, "SOAP 1.1");
    // What is between service provider and client must not reach the identity provider.
    must((at(envelope, [SOAP, "Header"])?.children ?? []).length === 0, "header blocks");
    must(at(envelope, [SOAP, "Body"])?.children.length === 1, "one body element");
    const request = at(envelope, [SOAP, "Body"], [SAMLP, "AuthnRequest"]);
    must(at(request, [SAML, "Issuer"])?.text === "urn:amazon:webservices", "Issuer");
    must(attribute(request, "Version") === "2.0", "Version");
    must(attribute(request, "AssertionConsumerServiceURL") === AWS_RECIPIENT, "AssertionConsumerServiceURL");
    must(attribute(request, "ProtocolBinding") === "urn:oasis:names:tc:SAML:2.0:bindings:PAOS", "ProtocolBinding");
    must(attribute(request, "Destination") === server.url, "Destination");
    must(Math.abs(Date.parse(attribute(request, "IssueInstant") ?? "") - Date.now()) < 60_000, "IssueInstant");
    const id = attribute(request, "ID") ?? "";
    must(/^[A-Za-z_][\w.-]{31,}$/.test(id), "ID");
    return id;
  }

  function authenticated(header = ""): boolean {
    const [name, ...password] = Buffer.from(/^Basic (\S+)$/.exec(header)?.[1] ?? "", "base64")
      .toString("utf8")
      .split(":");
    return name !== undefined && password.length > 0 && server.users.get(name) === password.join(":");
  }

  function refuse(res: ServerResponse): void {
    switch (server.refusal) {
      case "challenge":
        res.setHeader("www-authenticate", 'Basic realm="ECP"');
        return page(res, 401, "Unauthorized");
      case "status":
        res
          .writeHead(200, { "content-type": "text/xml" })
          .end(
            envelope(
              `<samlp:Response xmlns:samlp="${SAMLP}" ID="_r" Version="2.0">${status(["Responder", "AuthnFailed"], "Invalid credentials")}</samlp:Response>`,
            ),
          );
        return;
      case "fault":
        return fault(res, "Server", "An authentication error occurred.");
      case "page-400":
        return page(res, 400, "Bad Request");
    }
  }

  function issued(requestId: string): string {
    const id = "_0123456789abcdef0123456789abcdef";
    const [code, message] = server.status ?? ["Success", ""];
    const around = (assertion: string): string =>
      envelope(
        `<samlp:Response${server.declareOnEnvelope ? "" : ` xmlns:samlp="${SAMLP}" xmlns:saml="${SAML}"`} ID="${id}" Version="2.0" IssueInstant="${new Date().toISOString()}" InResponseTo="${server.inResponseTo ?? requestId}" Destination="${server.acsUrl}">` +
          `<saml:Issuer>${issuer.entityId}</saml:Issuer>${status(code.split("/"), message)}${code === "Success" ? assertion : ""}</samlp:Response>`,
        server.declareOnEnvelope,
      );
    if (code !== "Success") return around("");
    const inherit = server.declareOnEnvelope ? { declare: false } : {};
    const signed = issuer.assertion({ ...inherit, ...server.assertion, sign: !server.signResponse }, around);
    return server.signResponse ? issuer.sign(signed, id, server.assertion) : signed;
  }

  function envelope(body: string, declare = false): string {
    const namespaces = declare
      ? ` xmlns:samlp="${SAMLP}" xmlns:saml="${SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`
      : "";
    return (
      `<?xml version="1.0" encoding="UTF-8"?>\n<soap11:Envelope xmlns:soap11="${SOAP}"${namespaces}><soap11:Header>` +
      `<ecp:Response xmlns:ecp="${ECP}" AssertionConsumerServiceURL="${server.acsUrl}" soap11:actor="http://schemas.xmlsoap.org/soap/actor/next" soap11:mustUnderstand="1"/>` +
      `</soap11:Header><soap11:Body>${body}</soap11:Body></soap11:Envelope>`
    );
  }
}

function status([code, inner]: readonly string[], message: string): string {
  const nested = inner === undefined ? "" : `<samlp:StatusCode Value="${STATUS}${inner}"/>`;
  return `<samlp:Status><samlp:StatusCode Value="${STATUS}${code}">${nested}</samlp:StatusCode>${message === "" ? "" : `<samlp:StatusMessage>${message}</samlp:StatusMessage>`}</samlp:Status>`;
}

function fault(res: ServerResponse, code: string, text: string): void {
  res.writeHead(500, { "content-type": "text/xml; charset=utf-8" });
  res.end(
    `<soap11:Envelope xmlns:soap11="${SOAP}"><soap11:Body><soap11:Fault><faultcode>soap11:${code}</faultcode><faultstring>${text}</faultstring></soap11:Fault></soap11:Body></soap11:Envelope>`,
  );
}

function page(res: ServerResponse, code: number, title: string): void {
  res.writeHead(code, { "content-type": "text/html; charset=utf-8" });
  res.end(`<!DOCTYPE html><html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`);
}
