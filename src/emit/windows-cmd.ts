import type { Format } from "./format.ts";
import { inexpressible } from "./inexpressible.ts";
import { variableLines } from "./variables.ts";

/** cmd cuts or rejects longer lines. */
const MAX_LINE_LENGTH = 8191;

/**
 * `set "A=value"`: inside the quotes ^ & | < > ( ) and blanks are literal, and trailing blanks do not slip in. A line has to mean
 * the same when it is typed, run from a batch file or from `for /f`, with delayed expansion on or off, so refused are:
 * - `%`: doubled in a batch file, not to be escaped elsewhere;
 * - `!`: expands when delayed expansion is on, and then makes `^` an escape, too;
 * - `"`: ends the quoting, whereupon `&` starts a command;
 * - anything outside ASCII: read by whatever code page is set, where a lead byte may swallow the closing quote.
 */
export const windowsCmdFormat: Format = {
  name: "windows-cmd",
  summary: "set lines for cmd.exe",
  render(credentials, context) {
    return variableLines(credentials, context, (name, value) => {
      if (/[%!"]/.test(value)) throw inexpressible("windows-cmd", name, 'cmd.exe has no safe spelling for %, ! and "');
      if (/[^\x20-\x7e]/.test(value)) throw inexpressible("windows-cmd", name, "it holds characters outside ASCII");
      const line = `set "${name}=${value}"`;
      if (line.length > MAX_LINE_LENGTH)
        throw inexpressible("windows-cmd", name, "cmd.exe takes lines of 8191 characters at most");
      return line;
    });
  },
};
