import { describe, expect, test } from "vitest";
import { AppError, ERRORS, failure, failureOf, isErrorCode } from "./errors.ts";

describe("the table of errors", () => {
  test.each(Object.entries(ERRORS))("%s has a status, and says something", (code, row) => {
    expect(code).toMatch(/^[A-Z][A-Z_]+$/);
    expect(row.status).toBeGreaterThanOrEqual(400);
    expect(row.message).toMatch(/\S/);
  });

  test("what is not in it is no code, whatever prototypes hold", () => {
    expect(isErrorCode("RUN_NOT_FOUND")).toBe(true);
    for (const code of ["NOPE", "toString", "__proto__", "constructor"]) expect(isErrorCode(code)).toBe(false);
  });
});

describe("an error", () => {
  test("fills its message from the details; what is not given stays visible", () => {
    const error = new AppError("RUN_FINISHED", { run: "run_1" });
    expect(error.message).toBe("The run run_1 has ended as {status}; it takes no further input.");
    expect([error.code, error.status, error.retryable]).toEqual(["RUN_FINISHED", 409, false]);
  });

  test("details that look like places to fill are not filled again", () => {
    expect(failure("STEP_FAILED", { reason: "{reason} $& $1" }).message).toBe("The step failed: {reason} $& $1");
  });

  test("keeps its cause in the process; a failure is plain data", () => {
    const cause = new Error("why");
    const error = new AppError("STEP_FAILED", { reason: "x", count: 3 }, { cause });
    expect(error.cause).toBe(cause);
    const plain = failureOf(error);
    expect(plain).toEqual({
      code: "STEP_FAILED",
      message: "The step failed: x",
      retryable: false,
      details: { reason: "x", count: 3 },
    });
    expect(JSON.parse(JSON.stringify(plain))).toEqual(plain);
  });

  test("without details a failure has none", () => {
    expect(failure("OUTCOME_UNKNOWN")).not.toHaveProperty("details");
  });

  test.each([
    [new TypeError("boom"), "boom"],
    ["text", "text"],
    [undefined, "undefined"],
    [null, "null"],
  ])("anything thrown (%j) is a failure", (thrown, reason) => {
    expect(failureOf(thrown)).toMatchObject({ code: "INTERNAL", details: { reason } });
    expect(failureOf(thrown, "STEP_FAILED").code).toBe("STEP_FAILED");
  });
});
