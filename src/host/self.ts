/** argv that starts this program; with a child's argument added, it is that child. */
export function selfCommand(): readonly string[] {
  return [process.execPath, process.argv[1] ?? ""];
}
