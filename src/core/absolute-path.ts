/** Absolute on this platform; drive letters and UNC paths count on Windows. */
export function isAbsolute(path: string, platform: NodeJS.Platform): boolean {
  return path.startsWith("/") || (platform === "win32" && /^([a-z]:[\\/]|\\\\)/i.test(path));
}
