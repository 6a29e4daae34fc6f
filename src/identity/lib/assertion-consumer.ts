/** Sign-in endpoints of the partitions aws, aws-us-gov and aws-cn, global and regional. */
const AWS_SIGN_IN = /^([a-z0-9-]+\.)?signin\.(aws\.amazon\.com|amazonaws-us-gov\.com|amazonaws\.cn)$/;

/** AWS's assertion consumer service in the partition aws; where encrypted assertions are set up, the path goes on. */
export const AWS_ACS = "https://signin.aws.amazon.com/saml";

/**
 * Whether a SAML response posted there would be AWS's to judge. With `acsUrl` nothing but it.
 *
 * @see https://docs.aws.amazon.com/general/latest/gr/signin-service.html
 */
export function assertionConsumer(target: URL, acsUrl: string | undefined): boolean {
  if (acsUrl !== undefined) return target.href === new URL(acsUrl).href;
  return (
    target.protocol === "https:" &&
    target.port === "" &&
    AWS_SIGN_IN.test(target.hostname) &&
    /^\/saml(\/|$)/.test(target.pathname)
  );
}
