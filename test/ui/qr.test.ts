import { encode } from "uqr";
import { describe, expect, it } from "vitest";
import { qrLines } from "../../src/ui/qr.ts";

const URL_OF_CODE = "https://idp.corp.example/device?user_code=WDJB-MJHT";
const ROOM = { columns: 80, rows: 40 };

describe("a QR code", () => {
  it("has every module of the code, light where the terminal writes", () => {
    const lines = qrLines(URL_OF_CODE, ROOM) ?? [];
    const { data } = encode(URL_OF_CODE, { ecc: "L", border: 2 });
    const dark = (row: number, column: number): boolean => {
      const sign = lines[row >> 1]?.[column];
      return sign === " " || sign === (row % 2 === 0 ? "▄" : "▀");
    };
    expect(data.map((row, y) => row.map((_, x) => dark(y, x)))).toEqual(data);
    expect(new Set(lines.map((line) => line.length))).toEqual(new Set([data.length]));
  });

  it("is left out where it does not fit, or could not hold the address", () => {
    expect(qrLines(URL_OF_CODE, { columns: 20, rows: 40 })).toBeUndefined();
    expect(qrLines(URL_OF_CODE, { columns: 80, rows: 10 })).toBeUndefined();
    expect(qrLines("x".repeat(5_000), { columns: 1_000, rows: 1_000 })).toBeUndefined();
  });
});
