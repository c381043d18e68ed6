import type { JsonObject } from "@weftwork/core";
import { AppError } from "@weftwork/core";
import type { Model, ModelAbilities, ModelContext, ModelPart, ModelRequest, ModelResult, ToolCall } from "../model.ts";
import { Secret } from "../../secrets/secret.ts";
import { isCredential, maskedModel } from "./masked-model.ts";
import { answerOf } from "./answer-stream.ts";
import { parseEndpoint } from "./endpoint.ts";
import { chatBody, FULL_DIALECT, simpler, type Dialect } from "./openai-dialect.ts";
import { connectionError, refusalError, refusalOf, type ErrorSource, type Refusal } from "./openai-errors.ts";
import { AnswerReader } from "./openai-answer.ts";
import { MODEL_TIMEOUTS, Patience, type ModelTimeouts } from "./patience.ts";
import { ModelPools } from "./pools.ts";
import { readText } from "./response-text.ts";
import type { Dispatcher } from "undici";

export interface OpenAiCompatibleOptions {
  /** The name callers ask for. */
  readonly name: string;
  /** Base of the API, such as `https://host/v1`; a host alone means `/v1` on it. */
  readonly endpoint: string;
  /** The name the server knows the model by. Left out: `name`. */
  readonly model?: string;
  readonly apiKey?: Secret | string;
  /** Sent with each call. Their values are treated as secrets. */
  readonly headers?: Readonly<Record<string, Secret | string>>;
  readonly timeouts?: Partial<ModelTimeouts>;
  /** Settings of each call, under the names of the protocol; what a request says goes before them. */
  readonly params?: JsonObject;
  /** False for a server that cannot stream. Its answers come as a whole and have only the time in all. */
  readonly stream?: boolean;
  /** Who serves it, for records. Left out: `openai_compatible`. */
  readonly provider?: string;
  /** What the model can do. Left out: not known. */
  readonly abilities?: ModelAbilities;
  /** Connections shared with other models. Left out: its own. */
  readonly pools?: ModelPools;
}

/**
 * A model behind any server that speaks the chat protocol of OpenAI.
 *
 * C1. One call is one request, and nothing is retried. The one exception: a server that refuses a part of the protocol
 *     (JSON Schema, `stream_options`, `seed`) is asked again without it, and not asked for it again later.
 * C2. `generate` reads a stream too: that is how silence is told from length, and how a server learns of an abort.
 * C3. Key and headers go out with the request and stand in no error. Redirects are not followed, so they go nowhere else.
 */
export function openAiCompatible(options: OpenAiCompatibleOptions): Model {
  const { name: id, provider = "openai_compatible", pools = new ModelPools() } = options;
  const endpoint = parseEndpoint(options.endpoint);
  if ("mistake" in endpoint) {
    throw new AppError("CONFIGURATION_INVALID", { count: 1, first: `the endpoint of model ${id} ${endpoint.mistake}` });
  }
  const timeouts = { ...MODEL_TIMEOUTS, ...options.timeouts };
  const streams = options.stream ?? true;
  const given = Object.entries(options.headers ?? {}).map(
    ([key, value]) => [key.toLowerCase(), asSecret(value)] as const,
  );
  const apiKey = options.apiKey === undefined ? null : asSecret(options.apiKey);
  const secrets = [...(apiKey ? [apiKey] : []), ...given.map(([, value]) => value)];
  const source: ErrorSource = { model: id, secrets };
  const bodyOptions = { id, model: options.model ?? id, params: options.params ?? {}, stream: streams };
  let dialect: Dialect = FULL_DIALECT;

  function post(body: JsonObject, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const headers: Record<string, string> = {
      accept: streams ? "text/event-stream, application/json" : "application/json",
      "content-type": "application/json",
      "user-agent": "weftwork",
      ...(apiKey ? { authorization: `Bearer ${apiKey.reveal()}` } : {}),
    };
    for (const [key, value] of given) headers[key] = value.reveal();
    const { origin, chatPath: path } = endpoint as Exclude<typeof endpoint, { mistake: string }>;
    const pool = pools.get(origin, timeouts.connectMs);
    return pool.request({ method: "POST", path, headers, body: JSON.stringify(body), signal });
  }

  /** The response to the request in the fullest dialect that the server takes. Throws what it refuses for good. */
  async function respond(request: ModelRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    let tried = dialect;
    let said: Refusal | null = null;
    for (;;) {
      const body = chatBody(bodyOptions, request, tried);
      const response = await post(body, signal);
      const { statusCode } = response;
      if (statusCode >= 200 && statusCode < 300) {
        dialect = tried;
        return response;
      }
      const text = await readText(response.body, { limit: 65_536, cut: true });
      const refusal = refusalOf(statusCode, text, single(response.headers["retry-after"]), Date.now());
      const error = refusalError(source, said ?? refusal);
      const next = statusCode === 400 || statusCode === 422 ? simpler(tried, body, text) : null;
      if (next === null || error.code !== "MODEL_REQUEST_INVALID") throw error;
      // A guess that does not help must not hide what the server said at first.
      said = next.named ? null : (said ?? refusal);
      tried = next.dialect;
    }
  }

  async function* stream(request: ModelRequest, context: ModelContext): AsyncGenerator<ModelPart> {
    context.signal.throwIfAborted();
    const patience = new Patience(id, context.signal, timeouts);
    const reader = new AnswerReader(id, request);
    let [responded, complete] = [false, false];
    try {
      if (streams) patience.awaitFirst();
      const response = await respond(request, patience.signal);
      responded = true;
      for await (const parts of answerOf(source, response, reader, patience)) {
        for (const part of parts) {
          patience.check();
          yield part;
        }
      }
      complete = true;
      for (const part of reader.end()) {
        patience.check();
        yield part;
      }
    } catch (error) {
      patience.check();
      throw connectionError(source, error, responded, timeouts.connectMs);
    } finally {
      patience.end(complete);
    }
  }

  async function generate(request: ModelRequest, context: ModelContext): Promise<ModelResult> {
    let text = "";
    let reasoning = "";
    const toolCalls: ToolCall[] = [];
    for await (const part of stream(request, context)) {
      if (part.type === "text_delta") text += part.text;
      else if (part.type === "reasoning_delta") reasoning += part.text;
      else if (part.type === "tool_call") toolCalls.push(part);
      else if (part.type === "finish") {
        const { type: _type, ...rest } = part;
        const calls = toolCalls.length === 0 ? {} : { toolCalls };
        return { text, ...(reasoning === "" ? {} : { reasoning }), ...calls, ...rest };
      }
    }
    throw new AppError("MODEL_STREAM_CUT", { model: id, reason: "it had no end." });
  }

  const signing = given.filter(([key]) => isCredential(key)).map(([, value]) => value);
  const { abilities } = options;
  return maskedModel({ id, provider, ...(abilities ? { abilities } : {}), generate, stream }, [
    ...(apiKey ? [apiKey] : []),
    ...signing,
  ]);
}

function asSecret(value: Secret | string): Secret {
  return typeof value === "string" ? new Secret(value) : value;
}

function single(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
