import { readYaml, type AppError, type JsonObject } from "@weftwork/core";
import { afterEach, describe, expect, test } from "vitest";
import { modelInference } from "../nodes/model-inference.ts";
import { testTask } from "../nodes/test-task.ts";
import { startModelServer, type ModelScript } from "../testkit/model-server.ts";
import { BUILTIN_DEFAULT, builtinEmbeddings, builtinModels } from "./builtin/index.ts";
import type { DiscoveredModel } from "./discover.ts";
import { readModelsConfig } from "./models-config.ts";
import { modelLines, modelTestLines } from "../cli/models-text.ts";
import { openModels } from "./models.ts";
import { testModel } from "./model-check.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

function modelsOf(yaml: string, environment: Record<string, string> = {}, discovered: readonly DiscoveredModel[] = []) {
  const { models: config, mistakes } = readModelsConfig((readYaml(yaml).data ?? {}) as JsonObject, environment);
  expect(mistakes).toEqual([]);
  const opened = openModels({
    config,
    discovered,
    builtins: builtinModels(),
    builtinDefault: BUILTIN_DEFAULT,
    builtinEmbeddings: builtinEmbeddings(),
  });
  open.push(() => opened.close());
  return opened;
}

async function serverOf(script: ModelScript) {
  const server = await startModelServer({ script });
  open.push(() => server.close());
  return server;
}

const llama = {
  name: "ollama/llama3.2",
  provider: "ollama",
  endpoint: "http://127.0.0.1:1/v1",
  model: "llama3.2",
} as const;

describe("the samples by environment", () => {
  const dev =
    "models:\n  text_generation:\n    provider: openai_compatible\n    endpoint: https://api.dev.example.com/v1\n    api_key: ${DEV_API_KEY}\n";
  const prod =
    "models:\n  text_generation:\n    provider: custom_llm\n    endpoint: https://llm.prod.example.com\n    api_key: ${PROD_API_KEY}\n";

  test.each([
    ["dev", dev, "https://api.dev.example.com"],
    ["prod", prod, "https://llm.prod.example.com"],
  ])("%s is called at /v1 with its key, by a step that names text_generation", async (_, yaml, host) => {
    const server = await serverOf({ text: "Hello" });
    const environment = { DEV_API_KEY: "sk-dev-and-prod", PROD_API_KEY: "sk-dev-and-prod" };
    const { catalog } = modelsOf(yaml.replace(host, server.url), environment);
    const task = testTask({ model: "text_generation", prompt: "Hi" });
    expect(await modelInference({ catalog }).execute(task)).toMatchObject({ type: "completed", output: "Hello" });
    expect(server.requests[0]).toMatchObject({
      path: "/v1/chat/completions",
      headers: { authorization: "Bearer sk-dev-and-prod" },
      body: { model: "text_generation" },
    });
  });
});

describe("names", () => {
  test("with nothing configured text_generation is the builtin, and the default", () => {
    const { catalog, listings } = modelsOf("");
    expect(catalog.get().id).toBe(BUILTIN_DEFAULT);
    expect(catalog.get("text_generation").id).toBe(BUILTIN_DEFAULT);
    expect(listings.every(({ label }) => label === "not a language model")).toBe(true);
  });

  test("a configured text_generation is the default; builtins stay by their own names", () => {
    const { catalog } = modelsOf("models: {text_generation: {endpoint: https://h}}", {}, [llama]);
    expect(catalog.get().provider).toBe("openai_compatible");
    expect(catalog.get("builtin/echo").provider).toBe("builtin");
    expect(catalog.get("ollama/llama3.2").provider).toBe("ollama");
  });

  test("a discovered model never answers under another name unless the configuration says so", () => {
    expect(modelsOf("", {}, [llama]).catalog.get().id).toBe(BUILTIN_DEFAULT);
    const chosen = modelsOf("models: {text_generation: mine, mine: ollama/llama3.2}", {}, [llama]);
    expect(chosen.catalog.get().id).toBe("ollama/llama3.2");
  });

  test("a configured name wins over a discovered one", () => {
    const { catalog, listings } = modelsOf("models: {ollama/llama3.2: {endpoint: https://h}}", {}, [llama]);
    expect(catalog.get("ollama/llama3.2").provider).toBe("openai_compatible");
    expect(listings.filter(({ name }) => name === "ollama/llama3.2")).toMatchObject([{ from: "configured" }]);
  });

  test.each(["models: {a: b, b: a}", "models: {a: nowhere}", "default_model: nowhere"])("%s is refused", (yaml) => {
    expect(() => modelsOf(yaml)).toThrow(expect.objectContaining({ code: "CONFIGURATION_INVALID" }) as AppError);
  });
});

test("the list says where each model is from, without keys, queries or credentials", () => {
  const yaml =
    'models: {mine: {endpoint: "https://h/v1?key=canary", api_key: canary, model: gpt-x}, text_generation: mine}';
  const { listings } = modelsOf(yaml, {}, [llama]);
  expect(listings.map(({ name, from, aliasOf, isDefault }) => [name, from, aliasOf, isDefault])).toEqual([
    ["mine", "configured", null, true],
    ["ollama/llama3.2", "discovered", null, false],
    ["builtin/extract", "builtin", null, false],
    ["builtin/echo", "builtin", null, false],
    ["builtin/template", "builtin", null, false],
    ["text_generation", "configured", "mine", true],
  ]);
  const lines = modelLines(listings).join("\n");
  expect(lines).toContain("https://h/v1 ");
  expect(lines).toContain("not a language model");
  expect(lines + JSON.stringify(listings)).not.toContain("canary");
});

describe("the test of a model", () => {
  test("tells times, tokens and the answer", async () => {
    const server = await serverOf({ text: "I am ready.", usage: { input_tokens: 9, output_tokens: 4 } });
    const { catalog } = modelsOf(`models: {mine: {endpoint: ${server.url}}}`);
    let clock = 0;
    const tested = await testModel(catalog.get("mine"), { now: () => (clock += 100) });
    expect(tested).toEqual({
      model: "mine",
      provider: "openai_compatible",
      firstTokenMs: 100,
      totalMs: 200,
      text: "I am ready.",
      usage: { input_tokens: 9, output_tokens: 4, total_tokens: 13 },
      finishReason: "stop",
      fingerprint: "scripted",
      failure: null,
    });
    expect(modelTestLines(tested)[0]).toBe("✓ mine (openai_compatible) answered: first token 100 ms, 200 ms in all");
    expect(server.requests).toHaveLength(1);
  });

  test("tells why it failed, by code and in words", async () => {
    const server = await serverOf({ status: 401, message: "bad key sk-canary" });
    const { catalog } = modelsOf(`models: {mine: {endpoint: ${server.url}, api_key: sk-canary}}`);
    const tested = await testModel(catalog.get("mine"));
    expect(tested).toMatchObject({ failure: { code: "MODEL_AUTHENTICATION", retryable: false }, usage: null });
    expect(modelTestLines(tested).join("\n")).toContain("MODEL_AUTHENTICATION");
    expect(JSON.stringify(tested)).not.toContain("canary");
  });

  test("works for every builtin", async () => {
    for (const model of builtinModels()) expect(await testModel(model)).toMatchObject({ failure: null });
  });
});

describe("models for vectors", () => {
  test("the builtin one answers by default, and a configured text_embedding in its place", () => {
    expect(modelsOf("").embeddings.get().id).toBe("builtin/hash-embedding");
    const own = "models:\n  text_embedding: {endpoint: 'http://127.0.0.1:1/v1', model: embed}\n";
    expect(modelsOf(own).embeddings.get()).toMatchObject({ id: "text_embedding", dimensions: null });
  });

  test("names that stand for one are known for vectors, and not for texts", () => {
    const { catalog, embeddings } = modelsOf("models: {text_embedding: small, small: builtin/hash-embedding}");
    expect(embeddings.get("small").id).toBe("builtin/hash-embedding");
    expect(embeddings.get().id).toBe("builtin/hash-embedding");
    expect(() => catalog.get("small")).toThrow(expect.objectContaining({ code: "MODEL_NOT_FOUND" }));
  });

  test("a name that stands for a text model is none for vectors", () => {
    const { embeddings } = modelsOf("models: {mine: builtin/echo}");
    expect(() => embeddings.get("mine")).toThrow(expect.objectContaining({ code: "MODEL_NOT_FOUND" }));
  });
});
