import { inspect } from "node:util";
import { readYaml, type JsonObject } from "@weftwork/core";
import { expect, test } from "vitest";
import { readModelsConfig } from "./models-config.ts";

/** The two samples, byte for byte. */
const DEV = `models:
  text_generation:
    provider: openai_compatible
    endpoint: https://api.dev.example.com/v1
    api_key: \${DEV_API_KEY}
`;
const PROD = `models:
  text_generation:
    provider: custom_llm
    endpoint: https://llm.prod.example.com
    api_key: \${PROD_API_KEY}
`;

const read = (yaml: string, environment: Record<string, string> = {}) =>
  readModelsConfig(readYaml(yaml).data as JsonObject, environment);
const mistakes = (yaml: string, environment?: Record<string, string>) =>
  read(yaml, environment).mistakes.map(({ pointer, message }) => `${pointer}: ${message}`);

test("the samples for dev and prod load, each with the key of its variable", () => {
  const dev = read(DEV, { DEV_API_KEY: "dev-key" });
  expect(dev.mistakes).toEqual([]);
  expect(dev.models.deployments).toMatchObject([
    { name: "text_generation", provider: "openai_compatible", endpoint: "https://api.dev.example.com/v1" },
  ]);
  expect(dev.models.deployments[0]!.apiKey!.reveal()).toBe("dev-key");
  const prod = read(PROD, { PROD_API_KEY: "prod-key" });
  expect(prod.mistakes).toEqual([]);
  expect(prod.models.deployments).toMatchObject([{ provider: "custom_llm", endpoint: "https://llm.prod.example.com" }]);
});

test("a variable that is not set is a mistake that names it, once", () => {
  expect(read(DEV).mistakes).toEqual([
    {
      pointer: "/models/text_generation/api_key",
      message: "the environment variable DEV_API_KEY is not set",
      suggestion: "Set DEV_API_KEY, or write ${DEV_API_KEY:-default}.",
    },
  ]);
  expect(mistakes(DEV, { DEV_API_KEY: "" })).toEqual(["/models/text_generation/api_key: api_key is empty"]);
});

test("the key shows in nothing that prints, joins or serialises the configuration", () => {
  const { models } = read(DEV, { DEV_API_KEY: "sk-canary" });
  const { apiKey } = models.deployments[0]!;
  const seen = [JSON.stringify(models), inspect(models, { depth: 9, showHidden: true }), `${apiKey}`, apiKey + ""];
  for (const text of seen) {
    expect(text).toContain("***");
    expect(text).not.toContain("canary");
  }
  expect(Object.values({ ...apiKey })).toEqual([]);
});

test("everything else has its default, and can be said", () => {
  const { models } = read("models: {a: {endpoint: http://127.0.0.1:8000}, b: {provider: ollama, model: llama3.2}}");
  expect(models.deployments).toMatchObject([
    { name: "a", provider: "openai_compatible", model: "a", apiKey: null, timeouts: {}, params: {}, stream: true },
    { name: "b", provider: "ollama", endpoint: "http://127.0.0.1:11434/v1", model: "llama3.2", abilities: null },
  ]);
  const full = read(
    `
models:
  a:
    endpoint: https://h/v1?x=1
    model: gpt-x
    timeout: {connect: 2s, first_token: 1m, between_tokens: 10, total: 5m}
    params: {temperature: 0}
    headers: {api-key: "\${K}"}
    stream: false
    reads: [image, audio]
  slow: {endpoint: https://h, timeout: 300, tools: false}
  blind: {endpoint: https://h, reads: []}
  text_generation: a
default_model: slow
`,
    { K: "v" },
  );
  expect(full.mistakes).toEqual([]);
  expect(full.models).toMatchObject({ aliases: { text_generation: "a" }, default: "slow" });
  expect(full.models.deployments[0]).toMatchObject({
    model: "gpt-x",
    timeouts: { connectMs: 2000, firstTokenMs: 60_000, betweenTokensMs: 10_000, totalMs: 300_000 },
    params: { temperature: 0 },
    stream: false,
    abilities: { media: ["image", "audio"], tools: true },
  });
  expect(full.models.deployments.slice(1).map(({ abilities }) => abilities)).toEqual([
    { media: ["image", "audio", "video", "document"], tools: false },
    { media: [], tools: true },
  ]);
  expect(full.models.deployments[1]!.timeouts).toMatchObject({ totalMs: 300_000, firstTokenMs: 300_000 });
});

test("a value of a variable never becomes YAML, and $${ is the text itself", () => {
  const { models } = read("models: {a: {endpoint: '${URL:-https://h}', model: '$${x} ${M}'}}", { M: "b: {c: [" });
  expect(models.deployments[0]).toMatchObject({ endpoint: "https://h", model: "${x} b: {c: [" });
});

test("all mistakes are reported at once, with what to write instead, and without values", () => {
  const yaml = `
models:
  one: {provider: opnai, endpoint: "ftp://h", api_kei: x, timeout: soon}
  two: {endpoint: "https://user:\${PASSWORD}@h", params: {stream: false}, headers: {"a b": c}}
  three: {provider: custom_llm}
  four: 4
  builtin/mine: {endpoint: https://h}
  five: {endpoint: https://h, timeout: {idle: 3s}, stream: maybe, api_key: "a\\nb", reads: [smell], tools: 1}
`;
  const { mistakes: found } = read(yaml, { PASSWORD: "canary" });
  expect(found.map(({ pointer }) => pointer)).toEqual([
    "/models/one/api_kei",
    "/models/one/provider",
    "/models/one/endpoint",
    "/models/one/timeout",
    "/models/two/endpoint",
    "/models/two/headers",
    "/models/two/params",
    "/models/three/endpoint",
    "/models/four",
    "/models/builtin~1mine",
    "/models/five/api_key",
    "/models/five/timeout",
    "/models/five/stream",
    "/models/five/reads",
    "/models/five/tools",
  ]);
  expect(found[0]!.suggestion).toBe("Did you mean api_key?");
  expect(found[1]!.suggestion).toContain("Did you mean openai?");
  expect(JSON.stringify(found)).not.toContain("canary");
});

test("no section, or an empty one, is no mistake; a list is", () => {
  expect(read("a: 1").mistakes).toEqual([]);
  expect(read("models:").mistakes).toEqual([]);
  expect(mistakes("models: []")).toEqual(["/models: models is not a map of names"]);
});
