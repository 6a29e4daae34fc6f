// What every package says of the program, and how each kind of package calls a processor.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";

export const root = path.dirname(path.dirname(import.meta.dirname));

const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
export const { name, version, description, license } = manifest;

/** Whoever builds a package for others is its maintainer: DEBFULLNAME and DEBEMAIL, as for Debian's own tools. */
const { DEBFULLNAME = `${name} packagers`, DEBEMAIL = `packagers@${name}.invalid` } = process.env;
export const maintainer = `${DEBFULLNAME} <${DEBEMAIL}>`;

/** By Node's name. The triplet is that of Debian's library folders. */
export const ARCHITECTURES = {
  x64: { deb: "amd64", rpm: "x86_64", uname: "x86_64", bun: "@oven/bun-linux-x64" },
  arm64: { deb: "arm64", rpm: "aarch64", uname: "aarch64", bun: "@oven/bun-linux-aarch64" },
};

/** In one paragraph, for the lists that package managers show. */
export const about =
  `A machine, a job or a person proves to the company's own identity provider who it is, by OpenID Connect or SAML, with a
secret, a certificate, a password or a Kerberos keytab. AWS STS answers with short-lived credentials of a role, and every AWS tool
gets them through credential_process or its environment. No long-lived AWS key is kept anywhere.`.replaceAll("\n", " ");

/**
 * The time that every file of every package carries, so that the same sources make the same bytes: SOURCE_DATE_EPOCH, or the last commit's.
 * @returns seconds since 1970
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export function sourceDateSeconds() {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given === undefined) return Number(execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: root }));
  if (!/^\d+$/.test(given)) throw new Error("SOURCE_DATE_EPOCH is not a number of seconds");
  return Number(given);
}
