import { AppError, canonicalJson, type Json } from "@weftwork/core";
import type { ModelRequest } from "../model.ts";
import type { Reply } from "./builtin-model.ts";
import { systemText, textOf } from "../parts.ts";
import { hash32 } from "./random.ts";
import { fits } from "./schema-check.ts";
import { sample } from "./schema-sample.ts";
import { cutAtWord, isMainlyCjk } from "../tokens.ts";

/** How many values are tried before a schema is given up. */
const TRIES = 8;

/**
 * The reply of `builtin/template`: a plausible value for the schema, or a short text about the request without one.
 * What it says is made up from the hash of the request and its seed; another request gets other values.
 */
export function template(request: ModelRequest): Reply {
  const seed = seedOf(request);
  if (!request.schema) return { text: sentence(request, seed) };
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const object = sample(request.schema, seed + attempt);
    if (fits(request.schema, object)) return { object };
  }
  const object = sample(request.schema, seed, "empty");
  if (fits(request.schema, object)) return { object };
  throw new AppError("MODEL_OUTPUT_INVALID", { reason: "no value was found that fits the schema" });
}

function seedOf(request: ModelRequest): number {
  const said: Json = request.messages.map((message) => [message.role, textOf(message)]);
  const schema: Json = request.schema ?? null;
  return hash32(canonicalJson([said, request.system ?? "", schema, request.seed ?? 0]));
}

function sentence(request: ModelRequest, seed: number): string {
  const last = request.messages.findLast((message) => message.role === "user");
  const about = cutAtWord((last ? textOf(last) : systemText(request)).trim().replaceAll(/\s+/g, " "), 60);
  const number = (seed % 9000) + 1000;
  if (isMainlyCjk(about)) return `这是 builtin/template 的示例回答（编号 ${number}），所问为：“${about}”。`;
  return `This is sample answer ${number} of builtin/template to "${about}".`;
}
