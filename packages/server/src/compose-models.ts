import { AppError } from "@weftwork/core";
import { BUILTIN_DEFAULT, builtinEmbeddings, builtinModels } from "./gateway/builtin/index.ts";
import type { Catalog } from "./gateway/catalog.ts";
import { discoverModels } from "./gateway/discover.ts";
import { testModel, type ModelTest } from "./gateway/model-check.ts";
import type { EmbeddingModel, Model } from "./gateway/model.ts";
import { NO_MODELS_CONFIG, readModelsConfig, type ModelsConfig } from "./gateway/models-config.ts";
import { openModels, type ModelListing } from "./gateway/models.ts";
import type { EngineMetrics } from "./telemetry/engine-metrics.ts";
import { meteredModels } from "./telemetry/metered-models.ts";
import type { ComposeOptions } from "./compose-options.ts";

/** The models that steps can name. */
export interface Models {
  readonly listings: readonly ModelListing[];
  /** One short call to a model, with its times. Throws `MODEL_NOT_FOUND`. */
  test(name: string): Promise<ModelTest>;
}

export interface Gateway {
  readonly models: Models;
  /** For steps: every call is counted, and in a rehearsal the script answers. */
  readonly catalog: Catalog<Model>;
  readonly embeddings: Catalog<EmbeddingModel>;
  close(): Promise<void>;
}

/** Throws `CONFIGURATION_INVALID`. */
export async function openGateway(options: ComposeOptions, metrics: EngineMetrics): Promise<Gateway> {
  const discovered = options.discover ? await discoverModels({ ollamaHost: process.env["OLLAMA_HOST"] }) : [];
  const models = openModels({
    config: modelsConfig(options),
    discovered,
    builtins: builtinModels(),
    builtinDefault: BUILTIN_DEFAULT,
    builtinEmbeddings: builtinEmbeddings(),
  });
  return {
    models: { listings: models.listings, test: (name) => testModel(models.catalog.get(name)) },
    catalog: meteredModels(
      options.rehearsal?.models(models.catalog) ?? models.catalog,
      (call) => metrics.modelCalled(call),
      () => performance.now(),
    ),
    embeddings: models.embeddings,
    close: () => models.close(),
  };
}

function modelsConfig({ models: section, defaultModel, environment }: ComposeOptions): ModelsConfig {
  if (section === null && defaultModel === null) return NO_MODELS_CONFIG;
  const config = { ...(section ? { models: section } : {}), ...(defaultModel ? { default_model: defaultModel } : {}) };
  const { models, mistakes } = readModelsConfig(config, environment ?? process.env);
  if (mistakes.length === 0) return models;
  const told = mistakes.map(({ pointer, message }) => ({ pointer, message }));
  throw new AppError("CONFIGURATION_INVALID", {
    count: told.length,
    first: `${told[0]!.pointer} ${told[0]!.message}`,
    mistakes: told,
  });
}
