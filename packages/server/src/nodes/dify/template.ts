import type { Json, JsonObject } from "@weftwork/core";
import { hasDifyLimits, refusedKind } from "./dialect.ts";

/** Characters of a rendered template where Dify's limits hold. */
const LENGTH_MAX = 400_000;

/** A rendered template, as long as it may be. */
export function templateOutput(config: JsonObject, text: Json): Json {
  if (hasDifyLimits(config) && typeof text === "string" && text.length > LENGTH_MAX)
    throw refusedKind(`Output length exceeds ${LENGTH_MAX} characters`, "TemplateTransformError");
  return text;
}
