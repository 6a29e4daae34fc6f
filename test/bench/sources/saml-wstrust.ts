import { randomUUID } from "node:crypto";
import { startAdfsServer } from "../../support/adfs-server.ts";
import { AWS_RECIPIENT } from "../../support/saml-issuer.ts";
import { PASSWORD, samlSource, USER } from "./saml-source.ts";

const SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol";
const SAML = "urn:oasis:names:tc:SAML:2.0:assertion";
const SOAP12 = "http://www.w3.org/2003/05/soap-envelope";
const WSA = "http://www.w3.org/2005/08/addressing";
const WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-";

/** usernamemixed. */
export const samlWsTrust = samlSource("saml-wstrust, password", async (url, issuer, tls, role) => {
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
