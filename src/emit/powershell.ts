import type { Format } from "./format.ts";
import { variableLines } from "./variables.ts";

/**
 * For `… | Out-String | Invoke-Expression`. Single-quoted, since double quotes expand `$` and backticks.
 *
 * PowerShell takes ‘ ’ ‚ ‛ for single quotes too, and Windows decodes our bytes by whatever code page is set: in Windows-1252
 * the second byte of an innocent Cyrillic letter (U+0412: D0 92) is ’ and ends the string. So doubling them is not enough: anything outside
 * ASCII is written as a character code, and the output is ASCII throughout.
 */
export const powershellFormat: Format = {
  name: "powershell",
  summary: "$Env: lines for PowerShell",
  render(credentials, context) {
    return variableLines(credentials, context, (name, value) => `$Env:${name}=${quote(value)}`);
  },
};

function quote(value: string): string {
  return `'${value.replaceAll("'", "''").replace(/[^\x20-\x7e]/g, charCode)}'`;
}

// One UTF-16 unit, which is what a .NET char is.
function charCode(unit: string): string {
  return `'+[char]0x${unit.charCodeAt(0).toString(16).padStart(4, "0")}+'`;
}
