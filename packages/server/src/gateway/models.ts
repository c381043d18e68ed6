import { AppError } from "@weftwork/core";
import { modelCatalog, type Catalog } from "./catalog.ts";
import type { DiscoveredModel } from "./discover.ts";
import type { EmbeddingModel, Model } from "./model.ts";
import type { ModelDeployment, ModelsConfig } from "./models-config.ts";
import { parseEndpoint } from "./providers/endpoint.ts";
import { openAiCompatible } from "./providers/openai-compatible.ts";
import { openAiEmbedding } from "./providers/openai-embedding.ts";
import { ModelPools } from "./providers/pools.ts";

/** The name that steps use when they mean "the usual model for text". */
export const TEXT_GENERATION = "text_generation";

/** The name that steps use when they mean "the usual model for vectors". */
export const TEXT_EMBEDDING = "text_embedding";

export interface OpenModelsOptions {
  readonly config: ModelsConfig;
  readonly discovered: readonly DiscoveredModel[];
  readonly builtins: readonly Model[];
  /** The builtin that stands for `text_generation`, and answers by default, where the configuration names none. */
  readonly builtinDefault: string;
  /** Builtin models for vectors; the first answers by default where the configuration has no `text_embedding`. */
  readonly builtinEmbeddings?: readonly EmbeddingModel[];
}

/** One name of the catalogue as people see it. No secrets are in it. */
export interface ModelListing {
  readonly name: string;
  readonly provider: string;
  /** Origin and path; null for what runs in this process. */
  readonly endpoint: string | null;
  /** What its server calls it. */
  readonly model: string;
  readonly from: "configured" | "discovered" | "builtin";
  /** The name it stands for; null when it is a model itself. */
  readonly aliasOf: string | null;
  readonly isDefault: boolean;
  /** What one should know of it; null: nothing. */
  readonly label: string | null;
}

export interface OpenedModels {
  readonly catalog: Catalog<Model>;
  /** Every configured model too: its server knows whether it gives vectors. */
  readonly embeddings: Catalog<EmbeddingModel>;
  readonly listings: readonly ModelListing[];
  /** Ends the connections to all servers of models. */
  close(): Promise<void>;
}

const BUILTIN_LABEL = "not a language model";

/**
 * All models of a server as one catalogue. Where names meet, the configured one wins, then the discovered, then the
 * builtin. A discovered model answers by its own name only: what a step gets must not depend on what happens to run.
 */
export function openModels(options: OpenModelsOptions): OpenedModels {
  const { config, discovered, builtins, builtinDefault, builtinEmbeddings = [] } = options;
  const pools = new ModelPools();
  const listings = new Map<string, ModelListing>();
  const models = new Map<string, Model>();
  const put = (model: Model, listing: Omit<ModelListing, "name" | "aliasOf" | "isDefault">): void => {
    models.set(model.id, model);
    listings.set(model.id, { name: model.id, aliasOf: null, isDefault: false, ...listing });
  };
  for (const deployment of config.deployments) {
    const { provider, model } = deployment;
    put(deploy(deployment, pools), {
      provider,
      endpoint: shownEndpoint(deployment.endpoint),
      model,
      from: "configured",
      label: null,
    });
  }
  for (const { name, provider, endpoint, model } of discovered) {
    if (models.has(name) || Object.hasOwn(config.aliases, name)) continue;
    put(openAiCompatible({ name, provider, endpoint, model, pools }), {
      provider,
      endpoint,
      model,
      from: "discovered",
      label: null,
    });
  }
  for (const model of builtins) {
    if (models.has(model.id)) continue;
    put(model, { provider: model.provider, endpoint: null, model: model.id, from: "builtin", label: BUILTIN_LABEL });
  }
  const allAliases = resolved(config.aliases);
  const embeddings = openEmbeddings(config, allAliases, builtinEmbeddings, pools);
  const forVectors = new Set(builtinEmbeddings.map(({ id }) => id));
  const aliases = Object.fromEntries(Object.entries(allAliases).filter(([, id]) => !forVectors.has(id)));
  if (!models.has(TEXT_GENERATION)) aliases[TEXT_GENERATION] ??= builtinDefault;
  const standard = config.default ?? TEXT_GENERATION;
  const catalog = modelCatalog([...models.values()], { aliases, default: standard });
  for (const [name, aliasOf] of Object.entries(aliases))
    listings.set(name, { ...listings.get(aliasOf)!, name, aliasOf });
  const isDefault = catalog.get().id;
  return {
    catalog,
    embeddings,
    listings: [...listings.values()].map((one) => ({
      ...one,
      isDefault: one.name === standard || one.name === isDefault,
    })),
    close: () => pools.close(),
  };
}

function openEmbeddings(
  { deployments }: ModelsConfig,
  aliases: Readonly<Record<string, string>>,
  builtins: readonly EmbeddingModel[],
  pools: ModelPools,
): Catalog<EmbeddingModel> {
  const models = [...deployments.map((one) => openAiEmbedding({ ...one, pools })), ...builtins];
  const known = new Set(models.map(({ id }) => id));
  const usable = Object.fromEntries(Object.entries(aliases).filter(([, id]) => known.has(id)));
  const hasUsual = known.has(TEXT_EMBEDDING) || Object.hasOwn(usable, TEXT_EMBEDDING);
  const standard = hasUsual ? TEXT_EMBEDDING : builtins[0]?.id;
  return modelCatalog(models, { aliases: usable, ...(standard === undefined ? {} : { default: standard }) });
}

function deploy(deployment: ModelDeployment, pools: ModelPools): Model {
  const { apiKey, abilities, ...rest } = deployment;
  return openAiCompatible({ ...rest, ...(apiKey ? { apiKey } : {}), ...(abilities ? { abilities } : {}), pools });
}

function shownEndpoint(text: string): string {
  const endpoint = parseEndpoint(text);
  return "shown" in endpoint ? endpoint.shown : "";
}

/** Aliases of aliases led to their end. Circles are a mistake of the configuration. */
function resolved(aliases: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const name of Object.keys(aliases)) {
    let [at, steps] = [aliases[name]!, 0];
    while (Object.hasOwn(aliases, at)) {
      if (++steps > 16) {
        throw new AppError("CONFIGURATION_INVALID", { count: 1, first: `the model ${name} stands for itself` });
      }
      at = aliases[at]!;
    }
    result[name] = at;
  }
  return result;
}
