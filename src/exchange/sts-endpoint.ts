import { defaultEndpointResolver } from "@aws-sdk/client-sts/dist-es/endpoint/endpointResolver.js";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { StsSettings } from "../core/types.ts";
import { checkedRegion, customEndpoint } from "./endpoint.ts";

/**
 * The URL that will be asked, by the SDK's own rules for partitions, FIPS and dual-stack. The rules alone load in a twelfth of the time
 * of the client, so the connection to it can be opened, and a wrong region refused, before there is any need of that.
 *
 * @throws BrokerError CONFIG_INVALID for a custom endpoint or a combination that cannot be used
 */
export function stsEndpoint(sts: StsSettings): URL {
  const custom = customEndpoint(sts);
  const Region = checkedRegion(sts);
  try {
    return defaultEndpointResolver({
      Region,
      UseFIPS: sts.useFips,
      UseDualStack: sts.useDualstack,
      ...(custom === undefined ? {} : { Endpoint: custom }),
    }).url;
  } catch (error) {
    throw new BrokerError(
      "CONFIG_INVALID",
      `AWS has no such STS endpoint in region ${printable(sts.region, 60)}: ${printable(error instanceof Error ? error.message : error)}`,
      { hint: "check region, AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT" },
    );
  }
}
