import { describe, expect, it } from "vitest";
import { BrokerError, type ErrorCode } from "../../src/core/errors.ts";

describe("an error", () => {
  it.each([
    ["USAGE", 2],
    ["CONFIG_INVALID", 2],
    ["CONFIG_MISSING", 2],
    ["PROFILE_UNKNOWN", 2],
    ["SECRET_UNAVAILABLE", 2],
    ["SECRET_EXPOSED", 2],
    ["ADDON_MISSING", 2],
    ["COMMAND_FAILED", 2],
    ["LOGIN_REQUIRED", 3],
    ["IDP_REFUSED", 4],
    ["STS_REFUSED", 4],
    ["ASSERTION_UNUSABLE", 4],
    ["IDP_INVALID_ANSWER", 5],
    ["STS_INVALID_ANSWER", 5],
    ["UNREACHABLE", 5],
    ["THROTTLED", 5],
    ["TIMEOUT", 5],
    ["LOCK_TIMEOUT", 5],
    ["STDOUT_NOT_TAKEN", 1],
  ] as [ErrorCode, number][])("%s ends the program with %i", (code, exitCode) => {
    expect(new BrokerError(code, "x").exitCode).toBe(exitCode);
  });

  it("may have an exit code of its own, a hint and a cause", () => {
    const cause = new Error("below");
    const error = new BrokerError("COMMAND_FAILED", "x: command not found", { exitCode: 127, hint: "do y", cause });
    expect([error.exitCode, error.hint, error.cause, error.name]).toEqual([127, "do y", cause, "BrokerError"]);
  });
});
