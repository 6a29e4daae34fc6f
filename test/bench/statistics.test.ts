import { describe, expect, it } from "vitest";
import { judged, type Row } from "./row.ts";
import { median, pairedDifference, pairedRatio } from "./statistics.ts";

describe("the median", () => {
  it.each([
    [[5], 5],
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
    [[9, 10, 100], 10],
  ])("of %j is %d", (values, expected) => expect(median(values)).toBe(expected));

  it("leaves the numbers in their order", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it("of nothing is an error", () => expect(() => median([])).toThrow("no numbers"));
});

describe("what ran in turn", () => {
  it("is held against its own round, so that a round in which the machine was slow counts no more than another", () => {
    expect(pairedRatio([20, 200, 22], [10, 100, 11])).toBe(2);
    expect(pairedDifference([12, 105, 13], [10, 100, 10])).toBe(3);
  });

  it("has to be of the same rounds", () => expect(() => pairedRatio([1, 2], [1])).toThrow("2 rounds against 1"));
});

describe("a goal", () => {
  const row: Row = { name: "cached", what: "file", value: 24, unit: "ms", base: 20, ratio: 1.2, more: 4 };

  it("is met up to and with its bound, by the figure that it is about", () => {
    expect(judged(row, { of: "ratio", atMost: 1.2 }).met).toBe(true);
    expect(judged(row, { of: "ratio", atMost: 1.19 }).met).toBe(false);
    expect(judged(row, { of: "more", atMost: 3 }).met).toBe(false);
    expect(judged(row, { of: "value", atMost: 24 }).met).toBe(true);
  });

  it("is not judged without that figure, and not there without a goal", () => {
    const { ratio: _, ...without } = row;
    expect(judged(without, { of: "ratio", atMost: 1.2 })).not.toHaveProperty("met");
    expect(judged(row, undefined)).toBe(row);
  });
});
