import { join } from "node:path";
import { AppError, isJsonObject, type JsonObject } from "@weftwork/core";
import { readConfigFiles } from "../config-files.ts";
import type { WeftOptions } from "../weft.ts";

/**
 * What the files in `./config` say: `base.yaml`, overlaid by the file of `WEFT_ENV` (default `dev`). Neither has to be
 * there. Mistakes are thrown all at once, each with its file and line.
 */
export function configFromFolder(
  environment: NodeJS.ProcessEnv,
  folder: string = join(process.cwd(), "config"),
): Pick<WeftOptions, "models" | "defaultModel"> {
  const chosen = environment["WEFT_ENV"];
  const files = readConfigFiles(folder, chosen ?? "dev", { isChosen: chosen !== undefined });
  if (files.mistakes.length > 0) {
    const told = files.mistakes as unknown as readonly (JsonObject & { readonly message: string })[];
    throw new AppError("CONFIGURATION_INVALID", { count: told.length, first: told[0]!.message, mistakes: told });
  }
  const { models, default_model: defaultModel } = files.config as JsonObject & { readonly models?: unknown };
  return {
    ...(isJsonObject(models) ? { models } : {}),
    ...(typeof defaultModel === "string" ? { defaultModel } : {}),
  };
}
