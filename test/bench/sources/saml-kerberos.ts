import { startSimulatedSts } from "../../support/simulated-sts/server.ts";
import { SIMPLESAMLPHP_PROGRAMS, startSimplesamlphp } from "../../system/servers/simplesamlphp.ts";
import { redeemResponse } from "./bare-client.ts";
import { ACCOUNT, NEGOTIATE, PROGRAMS, ROLE, role, settings, startRealm } from "./kerberos-realm.ts";
import type { ColdSource, StartedSource } from "./source.ts";

export const samlKerberos: ColdSource = {
  name: "saml-kerberos (SimpleSAMLphp)",
  programs: [...PROGRAMS, ...SIMPLESAMLPHP_PROGRAMS, "xmlsec1"],
  client: "curl",
  async start(place): Promise<StartedSource> {
    const realm = await startRealm(place);
    const arns = { role: ROLE, provider: `${ACCOUNT}:saml-provider/corp` };
    const idp = await startSimplesamlphp({ roles: [`${arns.role},${arns.provider}`] });
    const apache = await realm.apache({
      proxyTo: idp.url,
      protect: ["/simplesaml/saml2/idp/SSOService.php"],
    });
    const metadataXml = (await idp.metadata()).replaceAll(idp.url, realm.origin);
    const [stsFront, tls] = await Promise.all([place.front(), place.ca.issueServer()]);
    const sts = await startSimulatedSts({
      tls,
      samlProviders: [{ arn: arns.provider, metadataXml }],
      roles: [role(arns.provider, "sts:AssumeRoleWithSAML")],
    });
    stsFront.target = sts.port;
    const endpointUrl = `https://127.0.0.1:${stsFront.port}`;
    const url = `${realm.origin}${idp.ssoPath}`;
    return {
      configure: (sandbox) => ({
        identity: settings({
          type: "saml-kerberos",
          url,
          metadata: sandbox.file("idp.xml", metadataXml),
          ca_file: place.caFile,
          keytab: realm.keytab,
        }),
        role: `role_arn = "${ROLE}"`,
        endpointUrl,
      }),
      env: realm.env,
      bare: async (client) => {
        const page = await realm.curl(...NEGOTIATE, url);
        const [, response = ""] = /name="SAMLResponse" value="([^"]*)"/.exec(page) ?? [];
        return redeemResponse(client, endpointUrl, arns, response.replaceAll("&#x2B;", "+"));
      },
      requests: () => ({ idp: apache.requests().length, sts: sts.calls.length }),
      stop: () => Promise.all([apache.stop(), idp.stop(), sts.close(), realm.stop()]),
    };
  },
};
