import type { EmbeddingModel, Model } from "../model.ts";
import { builtinModel } from "./builtin-model.ts";
import { echo } from "./echo.ts";
import { extract } from "./extract.ts";
import { hashEmbedding } from "./hash-embedding.ts";
import { template } from "./template.ts";

/** The name that answers when nothing is configured and nothing is asked for. */
export const BUILTIN_DEFAULT = "builtin/extract";

/**
 * The models that work with nothing configured, the default first. They are not language models, they say so by their
 * fingerprint `builtin`, and they answer the same request the same way for ever.
 */
export function builtinModels(): Model[] {
  return [
    builtinModel(BUILTIN_DEFAULT, extract),
    builtinModel("builtin/echo", echo),
    builtinModel("builtin/template", template),
  ];
}

/** The builtin models that turn texts into vectors. */
export function builtinEmbeddings(): EmbeddingModel[] {
  return [hashEmbedding];
}
