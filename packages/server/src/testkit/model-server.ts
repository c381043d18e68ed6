import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { sendAnswer, sendJson } from "./model-answer.ts";
import { ScriptReader, type ModelScript, type ScriptedAnswer } from "./model-script.ts";

export type { ModelScript, ScriptRule, ScriptedAnswer, ScriptedToolCall } from "./model-script.ts";

export interface ModelServerOptions {
  readonly script: ModelScript;
  /** What `/v1/models` and `/api/tags` list. Left out: `scripted`. */
  readonly models?: readonly string[];
  /**
   * Parts of the protocol that this server refuses with 400, as lesser servers do: a member of the body
   * (`seed`, `stream_options`, `response_format`), or `json_schema` or `json_object` within the last.
   */
  readonly refuses?: readonly string[];
  /** Left out: any free port. */
  readonly port?: number;
}

/** One call to the server, as it came and as it ended. */
export interface ModelServerRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The body as JSON; an empty map where it was none. */
  readonly body: JsonObject;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  endedAt: number | null;
  /** Whether the caller closed the connection before the answer was whole; null while that is open. */
  closedEarly: boolean | null;
  /** Resolves when the answer is whole, or the caller has left. */
  readonly ended: Promise<void>;
}

export interface ModelServer {
  /** `http://127.0.0.1:PORT`; the API is at `/v1` of it. */
  readonly url: string;
  /** The chat calls so far, oldest first. */
  readonly requests: readonly ModelServerRequest[];
  /** How many connections were opened so far. */
  readonly connectionCount: number;
  /** Resolves with the chat call of this number, from 1, as soon as it is there. */
  request(number: number): Promise<ModelServerRequest>;
  close(): Promise<void>;
}

const BODY_BYTES_MAX = 64 * 1024 * 1024;

/**
 * A server on loopback that speaks the chat protocol of OpenAI and answers from a script: texts, JSON, tool calls,
 * refusals, and all the ways in which servers break. It records what it was asked.
 */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const { models = ["scripted"], refuses = [], port = 0 } = options;
  const script = new ScriptReader(options.script);
  const requests: ModelServerRequest[] = [];
  const waiting: { number: number; resolve: (request: ModelServerRequest) => void }[] = [];
  let connectionCount = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (request.method === "GET" && path === "/v1/models") {
      return sendJson(response, 200, { object: "list", data: models.map((id) => ({ id, object: "model" })) });
    }
    if (request.method === "GET" && path === "/api/tags") {
      return sendJson(response, 200, { models: models.map((name) => ({ name, model: name })) });
    }
    const body = await readBody(request);
    if (request.method !== "POST" || !path.split("?")[0]!.endsWith("/chat/completions")) {
      return sendJson(response, 404, { error: { message: `There is nothing at ${request.method} ${path}` } });
    }
    requests.push(record(request, response, body));
    for (const waiter of waiting) if (waiter.number === requests.length) waiter.resolve(requests.at(-1)!);
    await sendAnswer(response, body, refusal(body, refuses) ?? script.answer(body));
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: { message: `The script failed: ${String(error)}` } });
    });
  });
  server.on("connection", () => void connectionCount++);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get connectionCount() {
      return connectionCount;
    },
    request(number) {
      const known = requests[number - 1];
      return known ? Promise.resolve(known) : new Promise((resolve) => waiting.push({ number, resolve }));
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function record(request: IncomingMessage, response: ServerResponse, body: JsonObject): ModelServerRequest {
  const { promise, resolve } = Promise.withResolvers<void>();
  const recorded: ModelServerRequest = {
    method: request.method ?? "",
    path: request.url ?? "/",
    headers: request.headers,
    body,
    startedAt: Date.now(),
    endedAt: null,
    closedEarly: null,
    ended: promise,
  };
  response.on("close", () => {
    recorded.endedAt = Date.now();
    recorded.closedEarly = !response.writableFinished;
    resolve();
  });
  return recorded;
}

/** What a lesser server answers to a body with a part that it does not know. */
function refusal(body: JsonObject, refuses: readonly string[]): ScriptedAnswer | null {
  const format = isJsonObject(body["response_format"]) ? body["response_format"]["type"] : undefined;
  const part = refuses.find((one) => body[one] !== undefined || format === one);
  if (part === undefined) return null;
  const message = `Unsupported value: '${part}' is not supported with this model.`;
  return { status: 400, message, type: "invalid_request_error", code: "unsupported_value" };
}

async function readBody(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new Error("the body is too large");
    chunks.push(chunk);
  }
  try {
    const value = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Json;
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
