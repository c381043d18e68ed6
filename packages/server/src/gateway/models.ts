import { AppError } from "@weftwork/core";
import { modelCatalog, type Catalog } from "./catalog.ts";
import type { DiscoveredModel } from "./discover.ts";
import type { Model } from "./model.ts";
import type { ModelDeployment, ModelsConfig } from "./models-config.ts";
import { parseEndpoint } from "./providers/endpoint.ts";
import { openAiCompatible } from "./providers/openai-compatible.ts";
import { ModelPools } from "./providers/pools.ts";

/** The name that steps use when they mean "the usual model for text". */
export const TEXT_GENERATION = "text_generation";

export interface OpenModelsOptions {
  readonly config: ModelsConfig;
  readonly discovered: readonly DiscoveredModel[];
  readonly builtins: readonly Model[];
  /** The builtin that stands for `text_generation`, and answers by default, where the configuration names none. */
  readonly builtinDefault: string;
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
  readonly listings: readonly ModelListing[];
  /** Ends the connections to all servers of models. */
  close(): Promise<void>;
}

const BUILTIN_LABEL = "not a language model";

/**
 * All models of a server as one catalogue. Where names meet, the configured one wins, then the discovered, then the
 * builtin. A discovered model answers by its own name only: what a step gets must not depend on what happens to run.
 */
export function openModels({ config, discovered, builtins, builtinDefault }: OpenModelsOptions): OpenedModels {
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
  const aliases = resolved(config.aliases);
  if (!models.has(TEXT_GENERATION)) aliases[TEXT_GENERATION] ??= builtinDefault;
  const standard = config.default ?? TEXT_GENERATION;
  const catalog = modelCatalog([...models.values()], { aliases, default: standard });
  for (const [name, aliasOf] of Object.entries(aliases))
    listings.set(name, { ...listings.get(aliasOf)!, name, aliasOf });
  const isDefault = catalog.get().id;
  return {
    catalog,
    listings: [...listings.values()].map((one) => ({
      ...one,
      isDefault: one.name === standard || one.name === isDefault,
    })),
    close: () => pools.close(),
  };
}

function deploy(deployment: ModelDeployment, pools: ModelPools): Model {
  const { apiKey, ...rest } = deployment;
  return openAiCompatible({ ...rest, ...(apiKey ? { apiKey } : {}), pools });
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
