// What an executable and the addons in it need of the system, read from the files themselves.
import { run } from "./run.mjs";

/**
 * The newest version of glibc whose symbols these ELF files ask for, whatever their processor.
 * @returns such as "2.34"
 */
export function glibcNeeded(...files) {
  const versions = files.flatMap((file) => [
    ...run("readelf", ["--wide", "--version-info", file]).matchAll(/\bName: GLIBC_(\d+\.\d+)/g),
  ]);
  const newest = versions
    .map(([, one]) => one)
    .sort(byVersion)
    .at(-1);
  if (newest === undefined) throw new Error(`${files[0]} asks for no version of glibc: is it an executable for it?`);
  return newest;
}

function byVersion(left, right) {
  const [a, b] = [left, right].map((one) => one.split(".").map(Number));
  return a[0] - b[0] || a[1] - b[1];
}
