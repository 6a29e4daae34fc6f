import { randomUUID } from "node:crypto";
import { startEcpServer } from "../../support/ecp-server.ts";
import { AWS_RECIPIENT } from "../../support/saml-issuer.ts";
import { PASSWORD, samlSource, USER } from "./saml-source.ts";

const SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol";
const SAML = "urn:oasis:names:tc:SAML:2.0:assertion";
const SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/";
const PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS";

/** Basic, sent unasked. */
export const samlEcp = samlSource("saml-ecp, password", async (url, issuer, tls, role) => {
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
