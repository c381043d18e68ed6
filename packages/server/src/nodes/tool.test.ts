import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import type { Tool } from "../tools/tool.ts";
import type { Outcome } from "./node.ts";
import { shopBox } from "./shop.testing.ts";
import { testTask } from "./test-task.ts";
import { toolNode } from "./tool.ts";

const keys: string[] = [];
const parameters = {
  type: "object",
  properties: { id: { type: "integer" } },
  required: ["id"],
  additionalProperties: false,
};
const shop: readonly Tool[] = [
  {
    name: "price",
    description: "What it costs.",
    parameters,
    async call({ id }, { key }) {
      keys.push(key);
      return { id: id!, price: Number(id) * 2 };
    },
  },
  {
    name: "broken",
    description: "Fails.",
    parameters,
    async call() {
      throw new AppError("TOOL_FAILED", { tool: "broken", reason: "the shop is closed" });
    },
  },
];

const box = shopBox(shop);

describe("a tool step", () => {
  const execute = async (config: JsonObject): Promise<Outcome> => toolNode({ tools: box }).execute(testTask(config));

  test("returns what the tool returns, and passes its key on", async () => {
    keys.length = 0;
    expect(await execute({ tool: "shop/price", arguments: { id: 2 } })).toEqual({
      type: "completed",
      output: { id: 2, price: 4 },
    });
    expect(keys).toEqual(["run_1/root/step/1"]);
  });

  test.each([
    [{ tool: "shop", arguments: {} }, "TOOL_NOT_FOUND"],
    [{ tool: "shop/none" }, "TOOL_NOT_FOUND"],
    [{ tool: "shop/price", arguments: { id: "x" } }, "TOOL_ARGUMENTS"],
    [{ tool: "shop/broken", arguments: { id: 1 } }, "TOOL_FAILED"],
    [{ tool: "workflow:any" }, "WORKFLOW_NOT_FOUND"],
    [{ tool: "shop/price", parameters: { id: 1 } }, "STEP_FAILED"],
  ])("%j fails with %s", async (config, code) => {
    const outcome = await execute(config);
    expect(outcome).toMatchObject({ type: "failed", failure: { code } });
  });

  test.each([
    ["calculate", { expression: "(12 + 3) * 4 / 5" }, 12],
    ["calculate", { expression: "7 // 2 + 17 % 5" }, 5],
    ["json_query", { data: { items: [{ a: 1 }] }, pointer: "/items/0/a" }, 1],
    ["json_query", { data: '{"a/b":{"~":[true]}}', pointer: "/a~1b/~0/0" }, true],
    ["json_query", { data: { n: [1, 2, 3] }, expression: "data['n'] | length" }, 3],
  ] as [string, JsonObject, Json][])("%s %j gives %j", async (tool, args, output) => {
    expect(await execute({ tool, arguments: args })).toEqual({ type: "completed", output });
  });

  test.each([
    ["calculate", { expression: "secrets.KEY" }],
    ["calculate", { expression: "'a' * 3" }],
    ["calculate", { expression: "constructor.constructor('x')()" }],
    ["calculate", { expression: "1 +" }],
    ["json_query", { data: {}, pointer: "/__proto__" }],
    ["json_query", { data: {}, pointer: "/constructor/name" }],
    ["json_query", { data: "{", pointer: "" }],
    ["json_query", { data: {}, pointer: "", expression: "data" }],
    ["current_time", { timezone: "Mars/Olympus" }],
  ] as [string, JsonObject][])("%s %j fails", async (tool, args) => {
    const outcome = await execute({ tool, arguments: args });
    expect(outcome.type).toBe("failed");
  });

  test.each([
    [{}, { time: "2026-11-21T07:00:00+00:00", weekday: "Saturday", timezone: "UTC" }],
    [{ timezone: "Asia/Shanghai" }, { time: "2026-11-21T15:00:00+08:00", weekday: "Saturday" }],
    [{ timezone: "America/St_Johns" }, { time: "2026-11-21T03:30:00-03:30" }],
  ])("current_time %j knows the offset", async (args, expected) => {
    const outcome = await execute({ tool: "current_time", arguments: args });
    expect(outcome.type === "completed" && isJsonObject(outcome.output as Json) && outcome.output).toMatchObject(
      expected,
    );
  });
});
