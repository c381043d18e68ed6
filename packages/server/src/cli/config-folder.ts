import { join } from "node:path";
import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { readConfigFiles } from "../config-files.ts";
import { parseDatasetList, readDatasets } from "../knowledge/datasets-config.ts";
import type { WeftOptions } from "../weft.ts";

/**
 * What the files in `./config` say: `base.yaml`, overlaid by the file of `WEFT_ENV` (default `dev`). Neither has to be
 * there. Mistakes are thrown all at once, each with its file and line.
 */
export function configFromFolder(
  environment: NodeJS.ProcessEnv,
  folder: string = join(process.cwd(), "config"),
): Pick<WeftOptions, "models" | "defaultModel" | "tools" | "toolsFolder" | "datasets"> {
  const chosen = environment["WEFT_ENV"];
  const files = readConfigFiles(folder, chosen ?? "dev", { isChosen: chosen !== undefined });
  if (files.mistakes.length > 0) {
    const told = files.mistakes as unknown as readonly (JsonObject & { readonly message: string })[];
    throw new AppError("CONFIGURATION_INVALID", { count: told.length, first: told[0]!.message, mistakes: told });
  }
  const { models, default_model: defaultModel, tools } = files.config;
  const datasets = readDatasets(files.config["datasets"] ?? {}, environment, folder);
  const listed = parseDatasetList(environment["WEFT_DATASETS"]?.trim() || "", process.cwd());
  const mistakes = datasets.mistakes.map(({ pointer, message, suggestion }) => ({
    ...files.locate(pointer),
    message,
    suggestion,
  }));
  if (mistakes.length > 0) {
    throw new AppError("CONFIGURATION_INVALID", { count: mistakes.length, first: mistakes[0]!.message, mistakes });
  }
  return {
    ...(models !== undefined && isJsonObject(models) ? { models } : {}),
    ...(tools === undefined ? {} : { tools, toolsFolder: folder }),
    ...(typeof defaultModel === "string" ? { defaultModel } : {}),
    // The environment goes before the files. A list that is wrong is told of where all settings are read.
    datasets: { ...datasets.folders, ...("value" in listed ? listed.value : {}) },
  };
}

/** The tool sets alone: for commands that look at workflows and ask no model. */
export function toolsFromFolder(environment: NodeJS.ProcessEnv): {
  readonly tools?: { readonly config: Json; readonly folder: string };
} {
  const { tools, toolsFolder } = configFromFolder(environment);
  return tools === undefined || toolsFolder === undefined ? {} : { tools: { config: tools, folder: toolsFolder } };
}
