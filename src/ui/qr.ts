import { renderUnicodeCompact } from "uqr";

/**
 * A QR code in half blocks, whose light modules are in the terminal's foreground; undefined where it would not fit.
 */
export function qrLines(text: string, room: { readonly columns: number; readonly rows: number }): string[] | undefined {
  let lines: string[];
  try {
    lines = renderUnicodeCompact(text, { ecc: "L", border: 2 }).split("\n");
  } catch {
    // Longer than any code can hold.
    return undefined;
  }
  return lines.length <= room.rows && (lines[0] ?? "").length <= room.columns ? lines : undefined;
}
