/**
 * AD FS's WS-Trust 1.3 endpoints, written from WS-Trust 1.3, the WSS token profiles and the policies that AD FS publishes (MEX), strict
 * about what they take. Faults are in AD FS's words. As AD FS does, it names no Recipient unless it is told to.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { certificateToX5c } from "./certificates.ts";
import { listen, type ServerTls } from "./listening-server.ts";
import { at, attribute, type Received, receivedXml } from "./received-xml.ts";
import type { AssertionOptions, SamlIssuer } from "./saml-issuer.ts";
import { verifySignature } from "./simulated-sts/xmlsec.ts";

const SOAP = "http://www.w3.org/2003/05/soap-envelope";
const WSA = "http://www.w3.org/2005/08/addressing";
const WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const WSP = "http://schemas.xmlsoap.org/ws/2004/09/policy";
const WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PASSWORD_TEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
const ISSUE = `${WST}/RST/Issue`;
const ISSUE_FINAL = `${WST}/RSTRC/IssueFinal`;
const SKEW_MS = 300_000;

export interface AdfsOptions {
  readonly issuer: SamlIssuer;
  readonly tls?: ServerTls;
  readonly clock?: () => number;
}

export interface AdfsServer {
  readonly url: string;
  readonly port: number;
  readonly users: Map<string, string>;
  /** Certificates that are mapped to an account. */
  readonly certificates: string[];
  readonly relyingParties: Set<string>;
  readonly disabled: Set<string>;
  /** The algorithm of the suite in the policy. */
  signatureAlgorithm: "rsa-sha1" | "rsa-sha256";
  /** Judges a Negotiate token; what it gives back is sent to the client. */
  negotiate: (token: string) => { readonly accepted: boolean; readonly answer?: string };
  assertion: AssertionOptions;
  /** Namespaces that stand on the Envelope only. */
  envelopeNamespaces: Readonly<Record<string, string>>;
  /** Replaces the token, or the whole answer; for what AD FS would not send. */
  token: ((assertion: string) => string) | undefined;
  answer:
    | ((correct: string) => { readonly status?: number; readonly type?: string; readonly body: string | Buffer })
    | undefined;
  /** Refuses after authentication, as a policy or claim rule does. */
  fault: { readonly code: string; readonly namespace?: string; readonly reason: string } | undefined;
  /** The RelatesTo to answer with instead of the request's MessageID. */
  relatesTo: string | undefined;
  /** Bodies as they came. */
  readonly received: string[];
  /** Why the last request was refused before AD FS would look at who sends it; undefined when it was not. */
  refusedBecause: string | undefined;
  close(): Promise<void>;
}

class Fault extends Error {
  readonly code: string;
  readonly namespace: string;

  constructor(code: string, namespace: string, reason: string) {
    super(reason);
    this.code = code;
    this.namespace = namespace;
  }
}

export async function startAdfsServer({ issuer, tls, clock = Date.now }: AdfsOptions): Promise<AdfsServer> {
  const listening = await listen((req, res) => void answerRequest(req, res), tls);
  const server: AdfsServer = {
    url: listening.url,
    port: listening.port,
    users: new Map([["svc-billing@corp.example", "pass & <word> \"'ü"]]),
    certificates: [],
    relyingParties: new Set(["urn:amazon:webservices"]),
    disabled: new Set(),
    signatureAlgorithm: "rsa-sha1",
    negotiate: () => ({ accepted: false }),
    assertion: {},
    envelopeNamespaces: {},
    token: undefined,
    answer: undefined,
    fault: undefined,
    relatesTo: undefined,
    received: [],
    refusedBecause: undefined,
    close: listening.close,
  };
  return server;

  async function answerRequest(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = req.url ?? "";
    const method = /^\/adfs\/services\/trust\/13\/(usernamemixed|windowstransport|certificatemixed)$/.exec(path)?.[1];
    const body = await bodyOf(req);
    server.received.push(body);
    server.refusedBecause = undefined;
    res.setHeader("date", new Date(clock()).toUTCString());
    if (method === undefined) return page(res, 404, "Not Found");
    if (server.disabled.has(method)) return page(res, 503, "Service Unavailable");
    if (req.method !== "POST") return page(res, 405, "Method Not Allowed");
    if (!isSoap12(req.headers["content-type"])) return page(res, 415, "Unsupported Media Type");
    if (method === "windowstransport") {
      const token = /^Negotiate (\S+)$/.exec(req.headers.authorization ?? "")?.[1];
      const judged = token === undefined ? undefined : server.negotiate(token);
      const answer = judged?.answer === undefined ? [] : [`Negotiate ${judged.answer}`];
      if (judged?.accepted !== true) {
        res.setHeader("www-authenticate", token === undefined ? ["Negotiate", "NTLM"] : answer);
        return page(res, 401, "Unauthorized");
      }
      if (answer.length > 0) res.setHeader("www-authenticate", answer);
    }
    let messageId = "";
    try {
      const envelope = parsed(body);
      messageId = at(envelope, [SOAP, "Header"], [WSA, "MessageID"])?.text ?? "";
      await judge(envelope, body, method, path);
      if (server.fault !== undefined) {
        throw new Fault(server.fault.code, server.fault.namespace ?? WST, server.fault.reason);
      }
      const correct = issued(messageId);
      const {
        status = 200,
        type = "application/soap+xml; charset=utf-8",
        body: sent,
      } = server.answer?.(correct) ?? { body: correct };
      res.writeHead(status, { "content-type": type }).end(sent);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      res.writeHead(500, { "content-type": "application/soap+xml; charset=utf-8" }).end(faultXml(error, messageId));
    }
  }

  function parsed(body: string): Received {
    try {
      const envelope = receivedXml(body);
      if (envelope.name === "Envelope" && envelope.namespace === SOAP) return envelope;
      return unacceptable("VersionMismatch", SOAP, "not a SOAP 1.2 envelope");
    } catch (error) {
      if (error instanceof Fault) throw error;
      return unacceptable("BadRequest", WST, `not well-formed: ${String(error)}`);
    }
  }

  async function judge(envelope: Received, body: string, method: string, path: string): Promise<void> {
    const header = at(envelope, [SOAP, "Header"]);
    const action = at(header, [WSA, "Action"]);
    if (action?.text !== ISSUE || attribute(action, "mustUnderstand", SOAP) !== "1") {
      unacceptable(
        "ActionNotSupported",
        WSA,
        `The message with Action '${action?.text}' cannot be processed at the receiver, due to a ContractFilter mismatch at the EndpointDispatcher.`,
      );
    }
    const to = at(header, [WSA, "To"]);
    if (to?.text !== `${server.url}${path}` || attribute(to, "mustUnderstand", SOAP) !== "1") {
      unacceptable(
        "DestinationUnreachable",
        WSA,
        "The message with To '' cannot be processed at the receiver, due to an AddressFilter mismatch at the EndpointDispatcher.",
      );
    }
    if (
      !/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(
        at(header, [WSA, "MessageID"])?.text ?? "",
      )
    ) {
      unacceptable("MessageAddressingHeaderRequired", WSA, "MessageID");
    }
    if (at(header, [WSA, "ReplyTo"], [WSA, "Address"])?.text !== `${WSA}/anonymous`) {
      unacceptable("MessageAddressingHeaderRequired", WSA, "ReplyTo");
    }
    if (method !== "windowstransport") await judgeSecurity(at(header, [WSSE, "Security"]), body, method);
    const request = at(envelope, [SOAP, "Body"], [WST, "RequestSecurityToken"]);
    const wanted = [
      ["KeyType", `${WST}/Bearer`],
      ["RequestType", `${WST}/Issue`],
      ["TokenType", "urn:oasis:names:tc:SAML:2.0:assertion"],
    ] as const;
    for (const [name, value] of wanted) {
      if (at(request, [WST, name])?.text !== value) unacceptable("InvalidRequest", WST, `ID3004: ${name}`);
    }
    const scope = at(request, [WSP, "AppliesTo"], [WSA, "EndpointReference"], [WSA, "Address"])?.text ?? "";
    if (!server.relyingParties.has(scope)) {
      throw new Fault("InvalidScope", WST, "ID3082: The request scope is not valid or is unsupported.");
    }
  }

  async function judgeSecurity(security: Received | undefined, body: string, method: string): Promise<void> {
    const invalid = (why: string): never =>
      unacceptable("InvalidSecurity", WSSE, "An error occurred when verifying security for the message.", why);
    if (attribute(security, "mustUnderstand", SOAP) !== "1") invalid("no Security header");
    const timestamp = at(security, [WSU, "Timestamp"]);
    const created = Date.parse(at(timestamp, [WSU, "Created"])?.text ?? "");
    const expires = Date.parse(at(timestamp, [WSU, "Expires"])?.text ?? "");
    const now = clock();
    if (!(created <= now + SKEW_MS && expires >= now - SKEW_MS && created < expires)) invalid("stale Timestamp");
    if (method === "certificatemixed") return judgeCertificate(security, body, invalid);
    const token = at(security, [WSSE, "UsernameToken"]);
    const password = at(token, [WSSE, "Password"]);
    if (attribute(password, "Type") !== PASSWORD_TEXT || token?.children.length !== 2) invalid("no UsernameToken");
    if (server.users.get(at(token, [WSSE, "Username"])?.text ?? "") !== password?.text) notAuthenticated();
  }

  async function judgeCertificate(
    security: Received | undefined,
    body: string,
    invalid: (why: string) => never,
  ): Promise<void> {
    const presented = at(security, [WSSE, "BinarySecurityToken"]);
    const known = server.certificates.find((pem) => certificateToX5c(pem) === presented?.text);
    if (known === undefined) return notAuthenticated();
    const dsig = "http://www.w3.org/2000/09/xmldsig#";
    const algorithm = attribute(
      at(security, [dsig, "Signature"], [dsig, "SignedInfo"], [dsig, "SignatureMethod"]),
      "Algorithm",
    );
    if (!algorithm?.endsWith(`#${server.signatureAlgorithm}`)) invalid(`algorithm ${algorithm}`);
    const reference = at(
      security,
      [dsig, "Signature"],
      [dsig, "KeyInfo"],
      [WSSE, "SecurityTokenReference"],
      [WSSE, "Reference"],
    );
    if (attribute(reference, "URI") !== `#${attribute(presented, "Id", WSU)}`) invalid("no reference to the token");
    const signed = await verifySignature(body, {
      certificates: [known],
      ids: { Timestamp: [WSU, "Id"], To: [WSA, "Id"] },
      signature: "//*[local-name()='Security']/*[local-name()='Signature']",
    });
    if (typeof signed === "string") return invalid(`signature: ${signed}`);
    const elements = signed.map((bytes) => /^<\w+:(\w+) /.exec(bytes)?.[1]).sort();
    if (elements.join() !== "Timestamp,To") invalid(`signed: ${elements.join()}`);
  }

  function notAuthenticated(): never {
    throw new Fault(
      "FailedAuthentication",
      WST,
      "ID3242: The security token could not be authenticated or authorized.",
    );
  }

  function unacceptable(code: string, namespace: string, reason: string, why = reason): never {
    server.refusedBecause = why;
    throw new Fault(code, namespace, reason);
  }

  function issued(messageId: string): string {
    const { prefix = "" } = server.assertion;
    const inherited =
      server.assertion.declare === false
        ? {
            saml: "urn:oasis:names:tc:SAML:2.0:assertion",
            xs: "http://www.w3.org/2001/XMLSchema",
            xsi: "http://www.w3.org/2001/XMLSchema-instance",
          }
        : {};
    const namespaces = Object.entries({ ...inherited, ...server.envelopeNamespaces }).map(
      ([name, uri]) => ` xmlns${name === "" ? "" : `:${name}`}="${uri}"`,
    );
    const around = (assertion: string): string =>
      `<s:Envelope xmlns:s="${SOAP}" xmlns:a="${WSA}" xmlns:u="${WSU}"${namespaces.join("")}><s:Header><a:Action s:mustUnderstand="1">${ISSUE_FINAL}</a:Action><a:RelatesTo>${server.relatesTo ?? messageId}</a:RelatesTo></s:Header>` +
      `<s:Body><trust:RequestSecurityTokenResponseCollection xmlns:trust="${WST}"><trust:RequestSecurityTokenResponse><trust:Lifetime><u:Created>${new Date(clock()).toISOString()}</u:Created></trust:Lifetime>` +
      `<trust:RequestedSecurityToken>${server.token?.(assertion) ?? assertion}</trust:RequestedSecurityToken><trust:TokenType>urn:oasis:names:tc:SAML:2.0:assertion</trust:TokenType>` +
      `</trust:RequestSecurityTokenResponse></trust:RequestSecurityTokenResponseCollection></s:Body></s:Envelope>`;
    return issuer.assertion({ nowMs: clock(), recipient: undefined, ...server.assertion, prefix }, around);
  }
}

function faultXml({ code, namespace, message }: Fault, messageId: string): string {
  return (
    `<s:Envelope xmlns:s="${SOAP}" xmlns:a="${WSA}"><s:Header><a:Action s:mustUnderstand="1">${WSA}/soap/fault</a:Action><a:RelatesTo>${escaped(messageId)}</a:RelatesTo></s:Header><s:Body><s:Fault>` +
    `<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:b="${namespace}">b:${code}</s:Value></s:Subcode></s:Code>` +
    `<s:Reason><s:Text xml:lang="en-US">${escaped(message)}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>`
  );
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function isSoap12(contentType = ""): boolean {
  return (
    /^application\/soap\+xml;/.test(contentType) &&
    contentType.includes(`action="${ISSUE}"`) &&
    /charset=utf-8/i.test(contentType)
  );
}

function page(res: ServerResponse, status: number, title: string): void {
  res.writeHead(status, { "content-type": "text/html; charset=us-ascii" });
  res.end(
    `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN"><HTML><HEAD><TITLE>${title}</TITLE></HEAD><BODY><h2>${title}</h2><hr><p>HTTP Error ${status}.</p></BODY></HTML>`,
  );
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
