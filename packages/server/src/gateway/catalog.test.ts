import { AppError } from "@weftwork/core";
import { expect, test } from "vitest";
import { BUILTIN_DEFAULT, builtinEmbeddings, builtinModels } from "./builtin/index.ts";
import { modelCatalog } from "./catalog.ts";

const models = builtinModels();

function codeOf(act: () => unknown): { code: string; message: string; suggestion: unknown } {
  try {
    act();
  } catch (error) {
    if (error instanceof AppError) {
      return { code: error.code, message: error.message, suggestion: error.details["suggestion"] };
    }
  }
  throw new Error("nothing was thrown");
}

test("a model is found by its id, by an alias, and as the default", () => {
  const catalog = modelCatalog(models, { aliases: { text_generation: BUILTIN_DEFAULT }, default: BUILTIN_DEFAULT });
  expect(catalog.get("builtin/echo").id).toBe("builtin/echo");
  expect(catalog.get("text_generation").id).toBe("builtin/extract");
  expect(catalog.get().id).toBe("builtin/extract");
  expect(catalog.list().map((entry) => entry.name)).toEqual([
    "builtin/extract",
    "builtin/echo",
    "builtin/template",
    "text_generation",
  ]);
});

test("an unknown name is refused with the known names and the nearest one", () => {
  const catalog = modelCatalog(models);
  const close = codeOf(() => catalog.get("builtin/extrct"));
  expect(close).toMatchObject({ code: "MODEL_NOT_FOUND", suggestion: "builtin/extract" });
  expect(close.message).toContain("builtin/echo");
  expect(codeOf(() => catalog.get("echo")).suggestion).toBe("builtin/echo");
  expect(codeOf(() => catalog.get("text_generation"))).toMatchObject({
    code: "MODEL_NOT_FOUND",
    suggestion: undefined,
  });
  expect(codeOf(() => catalog.get()).code).toBe("MODEL_NOT_FOUND");
  expect(codeOf(() => catalog.get("__proto__")).code).toBe("MODEL_NOT_FOUND");
});

test.each([
  ["an alias that leads nowhere", { aliases: { a: "openai/none" } }],
  ["an alias with the name of a model", { aliases: { "builtin/echo": BUILTIN_DEFAULT } }],
  ["a default that is not configured", { default: "none" }],
])("%s is a mistake of the configuration", (_, options) => {
  expect(codeOf(() => modelCatalog(models, options)).code).toBe("CONFIGURATION_INVALID");
});

test("embedding models have a catalogue of the same kind", () => {
  expect(modelCatalog(builtinEmbeddings()).get("builtin/hash-embedding").dimensions).toBe(256);
});
