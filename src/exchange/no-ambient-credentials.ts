/**
 * Stands in for @aws-sdk/credential-provider-node in our bundles (an alias of the build): the SDK imports the whole provider chain
 * (ini, SSO, IMDS, process) only to have a default, and we always pass credentials. It saves a third of the bundle and half of the
 * SDK's loading time, and what is not in the executable cannot read ~/.aws.
 */
export function defaultProvider(): () => Promise<never> {
  return async () => {
    throw new Error("no ambient credentials in sts-broker");
  };
}
