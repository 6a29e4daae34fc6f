/** What sources that end in a SAML response stand on: an identity provider and an STS over TLS. */
import type { Sandbox } from "../../support/program.ts";
import { createSamlIssuer, type SamlIssuer } from "../../support/saml-issuer.ts";
import { startSimulatedSts } from "../../support/simulated-sts/server.ts";
import { type BareClient, redeemResponse } from "./bare-client.ts";
import type { ColdSource, Place } from "./source.ts";

const ARNS = {
  role: "arn:aws:iam::123456789012:role/dev",
  provider: "arn:aws:iam::123456789012:saml-provider/corp",
};
export const USER = "svc-billing@corp.example";
export const PASSWORD = "a password of the bench";

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

export function samlSource(
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
