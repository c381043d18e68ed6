import { AppError, isJsonObject, parseJson, type Json, type JsonObject } from "@weftwork/core";
import type { Secret } from "../../secrets/secret.ts";
import type { EmbeddingModel, ModelContext, Usage } from "../model.ts";
import { estimateTokens } from "../tokens.ts";
import { parseEndpoint } from "./endpoint.ts";
import { connectionError, refusalError, refusalOf, type ErrorSource } from "./openai-errors.ts";
import { MODEL_TIMEOUTS, Patience, type ModelTimeouts } from "./patience.ts";
import { ModelPools } from "./pools.ts";
import { readText } from "./response-text.ts";

export interface OpenAiEmbeddingOptions {
  /** The name callers ask for. */
  readonly name: string;
  /** Base of the API, as of `openAiCompatible`. */
  readonly endpoint: string;
  /** The name the server knows the model by. Left out: `name`. */
  readonly model?: string;
  readonly apiKey?: Secret | null;
  readonly headers?: Readonly<Record<string, Secret>>;
  readonly timeouts?: Partial<ModelTimeouts>;
  readonly provider?: string;
  readonly pools?: ModelPools;
}

/** A vector of 4,096 numbers takes some 100 KB of text. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/**
 * A model behind the embeddings call of the OpenAI protocol. One call is one request; nothing is retried. Vectors come as
 * numbers, in the order of the texts, whatever the order of the answer.
 */
export function openAiEmbedding(options: OpenAiEmbeddingOptions): EmbeddingModel {
  const { name: id, provider = "openai_compatible", pools = new ModelPools(), headers: given = {} } = options;
  const endpoint = parseEndpoint(options.endpoint);
  if ("mistake" in endpoint) {
    throw new AppError("CONFIGURATION_INVALID", { count: 1, first: `the endpoint of model ${id} ${endpoint.mistake}` });
  }
  const timeouts = { ...MODEL_TIMEOUTS, ...options.timeouts };
  const apiKey = options.apiKey ?? null;
  const source: ErrorSource = { model: id, secrets: [...(apiKey ? [apiKey] : []), ...Object.values(given)] };

  function headers(): Record<string, string> {
    const all: Record<string, string> = {
      accept: "application/json",
      "content-type": "application/json",
      "user-agent": "weftwork",
      ...(apiKey ? { authorization: `Bearer ${apiKey.reveal()}` } : {}),
    };
    for (const [key, value] of Object.entries(given)) all[key.toLowerCase()] = value.reveal();
    return all;
  }

  return {
    id,
    provider,
    dimensions: null,
    async embed(texts: readonly string[], { signal }: ModelContext) {
      signal.throwIfAborted();
      const patience = new Patience(id, signal, timeouts);
      let [responded, complete] = [false, false];
      try {
        const response = await pools.get(endpoint.origin, timeouts.connectMs).request({
          method: "POST",
          path: endpoint.embeddingsPath,
          headers: headers(),
          body: JSON.stringify({ model: options.model ?? id, input: texts, encoding_format: "float" }),
          signal: patience.signal,
        });
        responded = true;
        const { statusCode } = response;
        if (statusCode < 200 || statusCode >= 300) {
          const text = await readText(response.body, { limit: 65_536, cut: true });
          const retryAfter = response.headers["retry-after"];
          const after = Array.isArray(retryAfter) ? retryAfter[0] : retryAfter;
          throw refusalError(source, refusalOf(statusCode, text, after ?? null, Date.now()));
        }
        const text = await readText(response.body, { limit: ANSWER_BYTES_MAX });
        complete = true;
        return readAnswer(id, text, texts);
      } catch (error) {
        patience.check();
        throw connectionError(source, error, responded, timeouts.connectMs);
      } finally {
        patience.end(complete);
      }
    },
  };
}

function readAnswer(
  model: string,
  text: string,
  texts: readonly string[],
): { readonly vectors: readonly (readonly number[])[]; readonly usage: Usage } {
  const invalid = (reason: string): AppError => new AppError("MODEL_ANSWER_INVALID", { model, reason });
  let answer: Json;
  try {
    answer = parseJson(text);
  } catch {
    throw invalid("it is not JSON.");
  }
  const data = isJsonObject(answer) ? answer["data"] : undefined;
  if (!isJsonObject(answer) || !Array.isArray(data)) throw invalid("it has no list of vectors.");
  const vectors: (readonly number[])[] = [];
  for (const [at, one] of (data as readonly Json[]).entries()) {
    const vector = isJsonObject(one) ? one["embedding"] : undefined;
    const index = isJsonObject(one) && typeof one["index"] === "number" ? one["index"] : at;
    if (!isVector(vector)) throw invalid("a vector of it is no list of numbers.");
    vectors[index] = vector;
  }
  const isWhole = vectors.length === texts.length && texts.every((_, at) => vectors[at]?.length === vectors[0]!.length);
  if (!isWhole) throw invalid(`it has not one vector of one length for each of ${texts.length} texts.`);
  return { vectors, usage: usageOf(answer, texts) };
}

function isVector(value: Json | undefined): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((number) => typeof number === "number");
}

/** As the server counts; where it does not, as it is estimated. */
function usageOf(answer: JsonObject, texts: readonly string[]): Usage {
  const told = isJsonObject(answer["usage"]) ? answer["usage"]["prompt_tokens"] : undefined;
  const tokens =
    typeof told === "number" && told >= 0 ? told : texts.reduce((sum, text) => sum + estimateTokens(text), 0);
  return { input_tokens: tokens, output_tokens: 0, total_tokens: tokens };
}
