import { ERRORS } from "@weftwork/core";
import { expect, test } from "vitest";
import { testTask } from "./test-task.ts";
import { unavailableNodes } from "./unavailable.ts";

test.each(unavailableNodes().map((node) => [node.type, node] as const))(
  "%s says why it cannot run and what to do instead",
  (type, node) => {
    const reason = node.unavailable?.({}) ?? "";
    expect(reason).toMatch(/not part of this version.*[;,] \w+|;/);
    expect(node.execute(testTask({ anything: 1 }))).toEqual({
      type: "failed",
      failure: {
        code: "NODE_NOT_AVAILABLE",
        message: ERRORS.NODE_NOT_AVAILABLE.message.replace("{type}", type).replace("{reason}", reason),
        retryable: false,
        details: { type, reason },
      },
    });
  },
);
