import { existsSync } from "node:fs";
import path from "node:path";

/** A build of the program that can be started. */
export interface Build {
  readonly name: "npm" | "standalone";
  readonly argv: readonly string[];
  /** The file that is started or read first. */
  readonly file: string;
}

export interface Builds {
  readonly present: readonly Build[];
  /** By name, with the reason. */
  readonly absent: readonly string[];
}

/** Both builds of the project's folder; STS_BROKER_STANDALONE names another standalone executable. */
export function findBuilds(env: Readonly<Record<string, string | undefined>> = process.env): Builds {
  const npm = path.resolve("dist/sts-broker.cjs");
  const standalone = path.resolve(env.STS_BROKER_STANDALONE ?? "dist-standalone/sts-broker");
  const candidates: readonly Build[] = [
    { name: "npm", argv: [process.execPath, npm], file: npm },
    { name: "standalone", argv: [standalone], file: standalone },
  ];
  return {
    present: candidates.filter(({ file }) => existsSync(file)),
    absent: candidates
      .filter(({ file }) => !existsSync(file))
      .map(({ name, file }) => `${name} build: ${file} is not there`),
  };
}
