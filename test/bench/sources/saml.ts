/** Sources that end in a SAML response: an identity provider and an STS over TLS. */
import { randomUUID } from "node:crypto";
import { startAdfsServer } from "../../support/adfs-server.ts";
import { startEcpServer } from "../../support/ecp-server.ts";
import { serveProduct, startPageServer } from "../../support/idp-pages-server.ts";
import type { Sandbox } from "../../support/program.ts";
import { AWS_RECIPIENT, createSamlIssuer, type SamlIssuer } from "../../support/saml-issuer.ts";
import { startSimulatedSts } from "../../support/simulated-sts/server.ts";
import { type BareClient, redeemResponse } from "./bare-client.ts";
import type { ColdSource, Place } from "./source.ts";

const ARNS = {
  role: "arn:aws:iam::123456789012:role/dev",
  provider: "arn:aws:iam::123456789012:saml-provider/corp",
};
const USER = "svc-billing@corp.example";
const PASSWORD = "a password of the bench";

interface Provider {
  readonly port: number;
  readonly metadata: string;
  /** With the metadata and the password as files of the sandbox. */
  identity(passwordFile: string): string;
  /** @returns the response, base64 */
  ask(client: BareClient): Promise<string>;
  prepare?(): void;
  requests(): number;
  close(): Promise<void>;
}

function samlSource(
  name: string,
  open: (
    url: string,
    issuer: SamlIssuer,
    tls: Awaited<ReturnType<Place["ca"]["issueServer"]>>,
    role: string,
  ) => Promise<Provider>,
): ColdSource {
  return {
    name,
    programs: ["xmlsec1"],
    client: "node",
    async start(place) {
      const [idpFront, stsFront, tls] = await Promise.all([place.front(), place.front(), place.ca.issueServer()]);
      const issuer = await createSamlIssuer();
      const idp = await open(`https://127.0.0.1:${idpFront.port}`, issuer, tls, `${ARNS.role},${ARNS.provider}`);
      const sts = await startSimulatedSts({
        tls,
        samlProviders: [{ arn: ARNS.provider, metadataXml: idp.metadata }],
        roles: [{ arn: ARNS.role, trustPolicy: trustOf(ARNS.provider) }],
      });
      idpFront.target = idp.port;
      stsFront.target = sts.port;
      const endpointUrl = `https://127.0.0.1:${stsFront.port}`;
      return {
        configure: (sandbox: Sandbox) => ({
          identity: `${idp.identity(sandbox.file("password", `${PASSWORD}\n`))}
metadata = "${sandbox.file("idp.xml", idp.metadata)}"
ca_file = "${place.caFile}"`,
          role: `role_arn = "${ARNS.role}"`,
          endpointUrl,
        }),
        ...(idp.prepare === undefined ? {} : { prepare: idp.prepare }),
        bare: async (client) => redeemResponse(client, endpointUrl, ARNS, await idp.ask(client)),
        requests: () => ({ idp: idp.requests(), sts: sts.calls.length }),
        stop: () => Promise.all([idp.close(), sts.close()]),
      };
    },
  };
}

function trustOf(provider: string) {
  const Statement = [
    { Effect: "Allow" as const, Principal: { Federated: provider }, Action: ["sts:AssumeRoleWithSAML"] },
  ];
  return { Version: "2012-10-17", Statement };
}

/** AD FS's way through its pages: the start, which leads to the login page, and the form. */
const form = samlSource("saml-password (login pages)", async (url, issuer, tls, role) => {
  const server = await startPageServer(tls);
  const users = { [USER]: PASSWORD };
  let start = "";
  const prepare = (): void => {
    const served = serveProduct(server, "AD FS", { users, response: issuer.response({ roles: [role] }) });
    start = served.replace(server.url, url);
  };
  prepare();
  const headers = { "accept-language": "en" };
  return {
    port: server.port,
    metadata: issuer.metadata(),
    prepare,
    identity: (file) =>
      `type = "saml-password"\nurl = "${start}"\nusername = "${USER}"\npassword = { file = "${file}" }`,
    ask: async (client) => {
      const begun = await client.send(start, { headers });
      const signedIn = { ...headers, cookie: begun.cookie.split("; ").find((one) => one.startsWith("SESSION")) ?? "" };
      const page = await client.send(new URL(begun.location, start).href, { headers: signedIn });
      const [, action = ""] = /id="loginForm"[^>]* action="([^"]*)"/.exec(page.text) ?? [];
      const fields = { UserName: USER, Password: PASSWORD, AuthMethod: "FormsAuthentication" };
      const last = await client.send(new URL(action, start).href, { headers: signedIn, body: fields });
      return /NAME="SAMLResponse" VALUE="([^"]*)"/.exec(last.text)?.[1] ?? "";
    },
    requests: () => server.requests.length,
    close: server.close,
  };
});

const SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/";
const SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol";
const SAML = "urn:oasis:names:tc:SAML:2.0:assertion";
const PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS";

const ecp = samlSource("saml-ecp, password", async (url, issuer, tls, role) => {
  const server = await startEcpServer(issuer, tls);
  const { port, pathname } = new URL(server.url);
  // Its address is the one that clients see.
  const endpoint = `${url}${pathname}`;
  Object.assign(server, { url: endpoint, users: new Map([[USER, PASSWORD]]), assertion: { roles: [role] } });
  const headers = {
    authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`,
    "content-type": "text/xml; charset=utf-8",
    accept: "text/html; application/vnd.paos+xml",
    paos: 'ver="urn:liberty:paos:2003-08";"urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"',
    soapaction: '"http://www.oasis-open.org/committees/security"',
  };
  return {
    port: Number(port),
    metadata: issuer.metadata(),
    identity: (file) =>
      `type = "saml-ecp"\nidp_ecp_url = "${endpoint}"\nusername = "${USER}"\npassword = { file = "${file}" }`,
    ask: async (client) => {
      const id = `_${randomUUID().replaceAll("-", "")}`;
      const body =
        `<e:Envelope xmlns:e="${SOAP11}"><e:Body><p:AuthnRequest xmlns:p="${SAMLP}" ID="${id}" Version="2.0" IssueInstant="${new Date().toISOString()}" ` +
        `Destination="${endpoint}" AssertionConsumerServiceURL="${AWS_RECIPIENT}" ProtocolBinding="${PAOS}"><a:Issuer xmlns:a="${SAML}">urn:amazon:webservices</a:Issuer></p:AuthnRequest></e:Body></e:Envelope>`;
      const { text } = await client.send(endpoint, { headers, body });
      const [response = ""] = /<samlp:Response[\s\S]*<\/samlp:Response>/.exec(text) ?? [];
      return Buffer.from(response).toString("base64");
    },
    requests: () => server.received.length,
    close: server.close,
  };
});

const SOAP12 = "http://www.w3.org/2003/05/soap-envelope";
const WSA = "http://www.w3.org/2005/08/addressing";
const WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-";

const wsTrust = samlSource("saml-wstrust, password", async (url, issuer, tls, role) => {
  const server = await startAdfsServer({ issuer, tls });
  const { port } = server;
  const endpoint = `${url}/adfs/services/trust/13/usernamemixed`;
  const assertion = { roles: [role], recipient: AWS_RECIPIENT, prefix: "saml" };
  Object.assign(server, { url, users: new Map([[USER, PASSWORD]]), assertion });
  return {
    port,
    metadata: issuer.metadata(),
    identity: (file) =>
      `type = "saml-wstrust"\nendpoint = "${url}"\nusername = "${USER}"\npassword = { file = "${file}" }`,
    ask: async (client) => {
      const headers = { "content-type": `application/soap+xml; charset=utf-8; action="${WST}/RST/Issue"` };
      const { text } = await client.send(endpoint, { headers, body: requestForToken(endpoint) });
      const [token = ""] = /<saml:Assertion[\s\S]*<\/saml:Assertion>/.exec(text) ?? [];
      const around = `<p:Response xmlns:p="${SAMLP}" ID="_${randomUUID()}" Version="2.0" IssueInstant="${new Date().toISOString()}"><a:Issuer xmlns:a="${SAML}">${issuer.entityId}</a:Issuer><p:Status><p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></p:Status>${token}</p:Response>`;
      return Buffer.from(around).toString("base64");
    },
    requests: () => server.received.length,
    close: server.close,
  };
});

function requestForToken(endpoint: string): string {
  const instant = (ms: number): string => new Date(ms).toISOString();
  const nowMs = Date.now();
  return (
    `<s:Envelope xmlns:s="${SOAP12}" xmlns:a="${WSA}"><s:Header><a:Action s:mustUnderstand="1">${WST}/RST/Issue</a:Action><a:MessageID>urn:uuid:${randomUUID()}</a:MessageID>` +
    `<a:ReplyTo><a:Address>${WSA}/anonymous</a:Address></a:ReplyTo><a:To s:mustUnderstand="1">${endpoint}</a:To>` +
    `<o:Security s:mustUnderstand="1" xmlns:o="${WSS}wssecurity-secext-1.0.xsd"><u:Timestamp xmlns:u="${WSS}wssecurity-utility-1.0.xsd"><u:Created>${instant(nowMs)}</u:Created><u:Expires>${instant(nowMs + 300_000)}</u:Expires></u:Timestamp>` +
    `<o:UsernameToken><o:Username>${USER}</o:Username><o:Password Type="${WSS}username-token-profile-1.0#PasswordText">${PASSWORD}</o:Password></o:UsernameToken></o:Security></s:Header>` +
    `<s:Body><t:RequestSecurityToken xmlns:t="${WST}"><p:AppliesTo xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy"><a:EndpointReference><a:Address>urn:amazon:webservices</a:Address></a:EndpointReference></p:AppliesTo>` +
    `<t:KeyType>${WST}/Bearer</t:KeyType><t:RequestType>${WST}/Issue</t:RequestType><t:TokenType>urn:oasis:names:tc:SAML:2.0:assertion</t:TokenType></t:RequestSecurityToken></s:Body></s:Envelope>`
  );
}

export const SAML_SOURCES: readonly ColdSource[] = [form, ecp, wsTrust];
