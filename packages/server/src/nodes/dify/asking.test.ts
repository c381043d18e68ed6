import { AppError, type JsonObject } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { builtinModels } from "../../gateway/builtin/index.ts";
import { modelCatalog } from "../../gateway/catalog.ts";
import { defineNode } from "../define-node.ts";
import type { NodeExecutor } from "../node.ts";
import { testTask } from "../test-task.ts";
import { importedAsking } from "./asking.ts";
import { z } from "zod";

const [model] = builtinModels();
const known = modelCatalog(builtinModels(), {});
const standIn = modelCatalog(builtinModels(), { aliases: { imported: model!.id } });
const said = [
  { role: "user", content: "q", files: [] },
  { role: "assistant", content: "a", files: [] },
];

/** An executor that gives its config back, or fails. */
function echo(type: string, failure?: AppError): NodeExecutor {
  return defineNode({
    type,
    effect: "pure",
    config: z.unknown(),
    execute(config) {
      if (failure) throw failure;
      return config;
    },
  });
}

async function run(config: JsonObject, type = "model_inference", failure?: AppError, catalog = known) {
  const rounds: number[] = [];
  const executor = importedAsking(echo(type, failure), {
    catalog,
    async memory(_tenant, _run, count) {
      rounds.push(count);
      return said;
    },
  });
  return { outcome: await executor.execute(testTask(config)), rounds };
}

const imported = { dialect: "dify", model: model!.id, provider: "p" };

describe("a step that asks a model and was imported", () => {
  test.each([
    [{ enabled: true, size: 3 }, 3],
    [{ enabled: true, size: 9000 }, 500],
    [{ enabled: false, size: 3 }, 50],
    [{}, 50],
  ])("with the window %j gets so many rounds of its conversation: %i", async (window, count) => {
    const { outcome, rounds } = await run({ ...imported, memory: { window, query: "q" } });
    expect(rounds).toEqual([count]);
    expect(outcome).toMatchObject({
      output: { memory: { history: said, window: { enabled: true, size: 2 }, query: "q" } },
    });
  });

  test("gets none when it has no memory, and neither does a native one", async () => {
    expect((await run(imported)).rounds).toEqual([]);
    const { outcome, rounds } = await run({ model: "nobody", memory: { window: {} } });
    expect([outcome, rounds]).toEqual([{ type: "completed", output: { model: "nobody", memory: { window: {} } } }, []]);
  });

  test("asks the model that stands for those which are not known, where there is one", async () => {
    const { outcome } = await run({ ...imported, model: "gpt-9" }, "classify", undefined, standIn);
    expect(outcome).toMatchObject({ output: { model: "imported", provider: "" } });
    expect((await run(imported, "classify", undefined, standIn)).outcome).toMatchObject({ output: imported });
  });

  test("says how to name a model that is not known", async () => {
    const { outcome } = await run({ ...imported, model: "gpt-9" });
    expect(outcome).toMatchObject({
      failure: {
        code: "MODEL_NOT_FOUND",
        message: expect.stringContaining('"gpt-9": NAME, or names one imported') as string,
        details: { error_type: "ModelNotExistError" },
      },
    });
  });

  test.each([
    ["model_inference", new AppError("MODEL_AUTHENTICATION", { model: "m", status: 401 }), "InvokeAuthorizationError"],
    ["classify", new AppError("MODEL_OVERLOADED", { model: "m", status: 429 }), "InvokeRateLimitError"],
    ["model_inference", new AppError("MODEL_OUTPUT_INVALID", { reason: "r" }), "LLMNodeError"],
    ["extract", new AppError("STEP_FAILED", { reason: "r" }), "ParameterExtractorNodeError"],
    [
      "model_inference",
      new AppError("STEP_FAILED", { reason: "r", error_type: "NoPromptFoundError" }),
      "NoPromptFoundError",
    ],
  ])("of the type %s fails with %s as %s", async (type, failure, kind) => {
    const { outcome } = await run(imported, type, failure);
    expect(outcome).toMatchObject({ type: "failed", failure: { code: failure.code, details: { error_type: kind } } });
  });
});

test("an executor of another type is left as it is", () => {
  const executor = echo("template");
  expect(importedAsking(executor, { catalog: known, memory: async () => [] })).toBe(executor);
});
