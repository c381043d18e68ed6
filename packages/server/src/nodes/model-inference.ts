import { AppError, failureOf, isJsonObject, parseJson, withoutFence, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import type { Catalog } from "../gateway/catalog.ts";
import type { Message, Model, ModelPart, ModelRequest, ModelTool, ToolCall } from "../gateway/model.ts";
import { completed, defineNode, failedAs, type ChosenOutcome } from "./define-node.ts";
import { schemaProblem } from "./json-schema.ts";
import type { NodeExecutor, NodeTask } from "./node.ts";
import { textOf } from "./text.ts";

/** A map taken over as it is: the same object comes out, so what is prepared for it is found again. */
const map = z.custom<JsonObject>(isJsonObject, "give a map");
const message = z.object({
  role: z.enum(["system", "user", "assistant", "tool"]),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))], "give text or a list of parts"),
});
const tool = z.object({
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: map.nullish(),
});
const config = z.object({
  model: z.string().min(1).nullish(),
  input: z.unknown().optional(),
  prompt: z.unknown().optional(),
  messages: z.array(message).min(1).nullish(),
  system: z.string().nullish(),
  params: map.nullish(),
  schema: map.nullish(),
  tools: z.array(tool).nullish(),
});
type Config = z.output<typeof config>;

/**
 * `model_inference {model input|prompt|messages system params schema tools}` → text; with `schema` the object that
 * fits it; with `tools` always `{text, tool_calls}`, so that a workflow need not ask which of the two it got.
 *
 * `idempotent`, for a repeat changes nothing outside (it may cost money a second time, but only after a crash).
 * Nothing is retried here: the gateway behind the catalogue holds the budget for that.
 */
export function modelInference(options: { readonly catalog: Catalog<Model> }): NodeExecutor {
  return defineNode({
    type: "model_inference",
    effect: "idempotent",
    pool: "generation",
    timeoutMs: 600_000,
    config,
    async execute(fields, task) {
      const model = options.catalog.get(fields.model ?? undefined);
      const answer = await read(model, requestOf(fields, task), task).catch(refused);
      if ("type" in answer) return answer;
      const { usage } = answer.finish;
      if (fields.schema) return completed(checkedObject(answer, fields.schema), { usage });
      if (fields.tools) return completed({ text: answer.text, tool_calls: answer.toolCalls }, { usage });
      return completed(answer.text, { usage });
    },
  });
}

/** What a question is made of. */
type AskedTask = Pick<NodeTask, "config" | "seed" | "input">;

/** What a task of this node asks a model; null where its fields are wrong. For those who look on, such as tests. */
export function modelRequestOf(task: AskedTask): ModelRequest | null {
  const checked = config.safeParse(task.config);
  return checked.success ? requestOf(checked.data, task) : null;
}

function requestOf(fields: Config, task: AskedTask): ModelRequest {
  const { params } = fields;
  return {
    messages: messagesOf(fields, task),
    seed: typeof params?.["seed"] === "number" ? params["seed"] : task.seed,
    ...(fields.system ? { system: fields.system } : {}),
    ...(params ? { params } : {}),
    ...(fields.schema ? { schema: fields.schema } : {}),
    ...(fields.tools ? { tools: fields.tools.map(toolOf) } : {}),
  };
}

/**
 * `messages` stand for themselves. Else one message of the user: the prompt, a blank line, the input. A step that has a
 * prompt and names no input gets the prompt alone: the prompt's templates have taken from the run what they wanted.
 */
function messagesOf(fields: Config, task: AskedTask): readonly Message[] {
  const { messages, prompt, input } = fields;
  // The parts of a message are the model's business; it refuses what it cannot read.
  if (messages) return messages as readonly Message[];
  const asked = textOf(prompt);
  const given = prompt !== undefined && input === undefined ? "" : textOf(task.input());
  return [{ role: "user", content: [asked, given].filter((text) => text !== "").join("\n\n") }];
}

function toolOf({ name, description, parameters }: z.output<typeof tool>): ModelTool {
  const schema = parameters ?? { type: "object" };
  return description ? { name, description, parameters: schema } : { name, parameters: schema };
}

interface Answer {
  readonly text: string;
  readonly toolCalls: readonly Omit<ToolCall, "type">[];
  readonly finish: Extract<ModelPart, { type: "finish" }>;
}

/** Reads the stream to its end, passing the text on as it comes. A stream that was cut is a failure, never an answer. */
async function read(model: Model, request: ModelRequest, task: NodeTask): Promise<Answer> {
  let text = "";
  const toolCalls: Omit<ToolCall, "type">[] = [];
  let finish: Answer["finish"] | null = null;
  for await (const part of model.stream(request, { signal: task.signal })) {
    if (part.type === "text_delta") {
      text += part.text;
      task.emit(part);
    } else if (part.type === "tool_call") {
      toolCalls.push({ id: part.id, name: part.name, arguments: part.arguments });
    } else if (part.type === "finish") {
      finish = part;
    }
  }
  if (!finish) throw new AppError("MODEL_STREAM_CUT", { model: model.id, reason: "it had no end." });
  const { finishReason } = finish;
  if (finishReason === "length" || finishReason === "content_filter") {
    task.emit({ type: "log", level: "warn", message: `${model.id} stopped early: ${finishReason}` });
  }
  return { text, toolCalls, finish };
}

/** A refusal that says when to come again is an outcome that says so; anything else stays thrown. */
function refused(error: unknown): ChosenOutcome {
  const retryAfterMs = error instanceof AppError ? error.details["retryAfterMs"] : undefined;
  if (typeof retryAfterMs !== "number") throw error;
  return failedAs(failureOf(error), retryAfterMs);
}

function checkedObject(answer: Answer, schema: JsonObject): Json {
  const object = answer.finish.object ?? parsed(answer.text);
  const problem = schemaProblem(schema, object);
  if (problem !== null) throw invalid(problem);
  return object;
}

/** The JSON of a text, also where a model has put it between the fences of a code block. */
function parsed(text: string): Json {
  try {
    return parseJson(withoutFence(text));
  } catch {
    throw invalid("it is not JSON");
  }
}

function invalid(reason: string): AppError {
  return new AppError("MODEL_OUTPUT_INVALID", { reason });
}
