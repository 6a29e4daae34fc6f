/** The executable brings its own runtime; no script's name stands in its argv. */
export function selfCommand(): readonly string[] {
  return [process.execPath];
}
