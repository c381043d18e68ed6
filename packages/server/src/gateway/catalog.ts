import { AppError } from "@weftwork/core";
import { nearestName } from "./nearest.ts";

/** What a catalogue needs to know of a model; text models and embedding models have it alike. */
interface Named {
  readonly id: string;
  readonly provider: string;
}

export interface CatalogOptions {
  /** Further names, each for the id of a model: a deployment of the configuration, or `text_generation`. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** The name that answers when a caller gives none. */
  readonly default?: string;
}

export interface CatalogEntry {
  readonly name: string;
  /** The id of the model behind the name; equal to `name` unless that is an alias. */
  readonly id: string;
  readonly provider: string;
}

export interface Catalog<M extends Named> {
  /** The model of a name or alias, or of the default. Throws `MODEL_NOT_FOUND` with the known names and the nearest. */
  get(name?: string): M;
  /** Every name that `get` knows, models first, then aliases, in the order they were given. */
  list(): readonly CatalogEntry[];
}

/**
 * The models of this server by name. It is fixed once made; a name that leads nowhere is a mistake of the
 * configuration and is refused here, not at the first call.
 */
export function modelCatalog<M extends Named>(models: readonly M[], options: CatalogOptions = {}): Catalog<M> {
  const byName = new Map<string, M>();
  const mistakes: string[] = [];
  for (const model of models) {
    if (byName.has(model.id)) mistakes.push(`the model ${model.id} is given twice`);
    byName.set(model.id, model);
  }
  for (const [alias, id] of Object.entries(options.aliases ?? {})) {
    const model = models.find((one) => one.id === id);
    if (byName.has(alias)) mistakes.push(`the model alias ${alias} is the name of a model too`);
    else if (model) byName.set(alias, model);
    else mistakes.push(`the model alias ${alias} stands for ${id}, which is not configured`);
  }
  if (options.default !== undefined && !byName.has(options.default)) {
    mistakes.push(`the default model ${options.default} is not configured`);
  }
  if (mistakes.length > 0) {
    throw new AppError("CONFIGURATION_INVALID", { count: mistakes.length, first: mistakes[0]! });
  }
  return {
    get(name = options.default) {
      const found = name === undefined ? undefined : byName.get(name);
      if (found) return found;
      throw notFound(name ?? "(none given)", [...byName.keys()]);
    },
    list: () => [...byName].map(([name, { id, provider }]) => ({ name, id, provider })),
  };
}

function notFound(model: string, names: readonly string[]): AppError {
  const suggestion = nearestName(model, names);
  const known = names.length === 0 ? "none" : names.join(", ");
  if (suggestion === null) return new AppError("MODEL_NOT_FOUND", { model, known });
  return new AppError("MODEL_NOT_FOUND", { model, known: `${known} (did you mean ${suggestion}?)`, suggestion });
}
