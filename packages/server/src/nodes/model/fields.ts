import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import type { Catalog } from "../../gateway/catalog.ts";
import type { Model } from "../../gateway/model.ts";

/** A map taken over as it is: the same object comes out, so what is prepared for it is found again. */
export const map = z.custom<JsonObject>(isJsonObject, "give a map");
const json = z.custom<Json>((value) => value !== undefined);
const part = z.custom<JsonObject>((value) => isJsonObject(value) && typeof value["type"] === "string");
const content = z.union([z.string(), z.array(part)], "give text or a list of parts, each with its type");

export const message = z.object({
  role: z.enum(["system", "user", "assistant", "tool"]),
  content,
  files: json.optional(),
});

const vision = z.object({
  files: json.optional(),
  detail: z.enum(["low", "high", "auto"]).nullish(),
  unsupported: z.enum(["fail", "drop"]).nullish(),
});

const earlier = z.array(z.object({ role: z.enum(["user", "assistant"]), content, files: json.optional() }));
const history = z.union(
  [earlier, z.object({ messages: earlier.nullish(), window: z.int().min(0).max(1000).nullish() })],
  "give a list of earlier messages, or a map of messages and window",
);

/** The fields of every step that asks a model. */
export const modelFields = {
  model: z.string().min(1).nullish(),
  provider: z.string().nullish(),
  input: json.optional(),
  params: map.nullish(),
  context: json.optional(),
  history: history.nullish(),
  vision: vision.nullish(),
  repair: z.boolean().nullish(),
};

const shared = z.object(modelFields);
export type ModelFields = z.output<typeof shared>;

/**
 * The model that a step names. A provider beside the name says which of several is meant: `provider/model` is taken where
 * the catalogue has it, else the name alone. Throws `MODEL_NOT_FOUND`.
 */
export function modelOf(catalog: Catalog<Model>, { model, provider }: Pick<ModelFields, "model" | "provider">): Model {
  if (!model) return catalog.get();
  if (!provider) return catalog.get(model);
  const known = new Set(catalog.list().map(({ name }) => name));
  // Providers of imported files are paths: `publisher/plugin/provider`.
  const names = [`${provider}/${model}`, `${provider.split("/").at(-1)!}/${model}`, model];
  return catalog.get(names.find((name) => known.has(name)) ?? model);
}
