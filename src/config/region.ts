/** Partitions that an ARN can name, with the region that serves when nobody states one. AWS's own partition table. */
const FIRST_REGION: Readonly<Record<string, string>> = {
  aws: "us-east-1",
  "aws-cn": "cn-north-1",
  "aws-us-gov": "us-gov-west-1",
  "aws-iso": "us-iso-east-1",
  "aws-iso-b": "us-isob-east-1",
  "aws-iso-e": "eu-isoe-west-1",
  "aws-iso-f": "us-isof-south-1",
  "aws-eusc": "eusc-de-east-1",
};

const PREFIXES: readonly (readonly [prefix: string, partition: string])[] = [
  ["cn-", "aws-cn"],
  ["us-gov-", "aws-us-gov"],
  ["us-iso-", "aws-iso"],
  ["us-isob-", "aws-iso-b"],
  ["eu-isoe-", "aws-iso-e"],
  ["us-isof-", "aws-iso-f"],
  ["eusc-", "aws-eusc"],
];

/** Undefined for a partition nobody has heard of. */
export function firstRegion(partition: string): string | undefined {
  return Object.hasOwn(FIRST_REGION, partition) ? FIRST_REGION[partition] : undefined;
}

export function partitionOf(region: string): string {
  return PREFIXES.find(([prefix]) => region.startsWith(prefix))?.[1] ?? "aws";
}

/** The shape of a region name; it becomes part of a host name, so nothing else may pass. */
export function isRegion(text: string): boolean {
  return /^[a-z]{2,5}(-[a-z0-9]{1,12}){1,4}$/.test(text);
}
