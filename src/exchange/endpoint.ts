import { BrokerError } from "../core/errors.ts";
import { isLoopbackUrl } from "../core/loopback.ts";
import { printable } from "../core/printable.ts";
import type { StsSettings } from "../core/types.ts";

/**
 * The custom endpoint of a profile, judged; undefined when AWS's own is to be asked.
 *
 * @throws BrokerError CONFIG_INVALID for anything but https (http to a loopback address), and for FIPS or dual-stack beside it
 */
export function customEndpoint(sts: StsSettings): string | undefined {
  if (sts.endpointUrl === undefined) return undefined;
  const shown = `STS endpoint "${printable(sts.endpointUrl, 200)}"`;
  let url: URL;
  try {
    url = new URL(sts.endpointUrl);
  } catch {
    throw invalid(`${shown} is not a URL`);
  }
  // A password in it must not be shown, so these two go first and without the URL.
  if (url.username !== "" || url.password !== "") throw invalid("the STS endpoint has a user or a password in its URL");
  if (url.search !== "" || url.hash !== "") throw invalid(`${shown} has a query or a fragment`);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopbackUrl(url)))
    throw invalid(`${shown} must be https; plain http is for loopback addresses only`);
  if (sts.useFips || sts.useDualstack)
    throw new BrokerError(
      "CONFIG_INVALID",
      `${shown} is custom, and ${sts.useFips ? "FIPS" : "dual-stack"} is for AWS's own endpoints`,
      {
        hint: `unset the endpoint, or ${sts.useFips ? "use_fips_endpoint (AWS_USE_FIPS_ENDPOINT)" : "use_dualstack_endpoint (AWS_USE_DUALSTACK_ENDPOINT)"}`,
      },
    );
  return url.href;
}

/** @throws BrokerError CONFIG_INVALID for a region that could not be part of a host name */
export function checkedRegion({ region }: StsSettings): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(region)) return region;
  throw new BrokerError("CONFIG_INVALID", `region "${printable(region, 60)}" is not the name of an AWS region`, {
    hint: 'region = "eu-west-1"',
  });
}

function invalid(message: string): BrokerError {
  return new BrokerError("CONFIG_INVALID", message, {
    hint: "check endpoint_url of the profile and AWS_ENDPOINT_URL_STS",
  });
}
