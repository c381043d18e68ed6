import { AppError, type Json } from "@weftwork/core";
import { z } from "zod";
import type { Files } from "../files/files.ts";
import type { Catalog } from "../gateway/catalog.ts";
import type { Model, ModelRequest, ModelTool } from "../gateway/model.ts";
import { completed, defineNode, type ChosenOutcome } from "./define-node.ts";
import { ask, refused, type Answer } from "./model/ask.ts";
import { compose, type Draft } from "./model/compose.ts";
import { difyOutputs, fromDify, isDify } from "./model/dify.ts";
import { map, message, modelFields, modelOf } from "./model/fields.ts";
import { readMedia, withoutBytes } from "./model/media.ts";
import { askForValue, takeObject, valueOf } from "./model/value.ts";
import type { NodeExecutor, NodeTask } from "./node.ts";
import { textOf } from "./text.ts";

const tool = z.object({
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: map.nullish(),
});
const config = z.preprocess(
  fromDify,
  z.object({
    ...modelFields,
    prompt: z.unknown().optional(),
    messages: z.array(message).min(1).nullish(),
    system: z.string().nullish(),
    schema: map.nullish(),
    tools: z.array(tool).nullish(),
    reasoning: z.enum(["tagged", "separated", "as_is"]).nullish(),
    output: z.enum(["text", "full"]).nullish(),
  }),
);
type Config = z.output<typeof config>;

export interface ModelNodeOptions {
  readonly catalog: Catalog<Model>;
  /** Where files of messages are kept. Null: there are none. */
  readonly files?: Files | null;
}

/**
 * `model_inference {model provider input|prompt|messages system context history vision params schema repair tools
 * reasoning output}` → text; with `schema` the object that fits it; with `tools` always `{text, tool_calls}`, so that a
 * workflow need not ask which of the two it got; with `output: full` all that is known of the answer.
 *
 * `idempotent`, for a repeat changes nothing outside (it may cost money a second time, but only after a crash).
 * Nothing is retried here but an answer that does not fit its schema, once: the gateway behind the catalogue holds the
 * budget for all else.
 */
export function modelInference({ catalog, files = null }: ModelNodeOptions): NodeExecutor {
  return defineNode({
    type: "model_inference",
    effect: "idempotent",
    pool: "generation",
    timeoutMs: 600_000,
    config,
    async execute(fields, task) {
      const model = modelOf(catalog, fields);
      const draft = draftOf(fields, task);
      const unsupported = fields.vision?.unsupported ?? "fail";
      const messages = await readMedia(draft.messages, { model, task, files, unsupported });
      const request = requestOf(fields, task, { ...draft, messages });
      return answered(model, request, fields, task).catch(refused);
    },
  });
}

async function answered(model: Model, request: ModelRequest, fields: Config, task: NodeTask): Promise<ChosenOutcome> {
  const { schema, output, tools } = fields;
  const options = { reasoning: fields.reasoning ?? "as_is", tells: true } as const;
  let answer: Answer;
  let structured: Json = null;
  if (schema) {
    const take = (said: Answer) =>
      // A model that asks for tools has not answered yet; whoever takes the whole answer sees both.
      said.toolCalls.length > 0 && output === "full" ? { value: null } : takeObject(said, schema);
    const valued = await askForValue(model, request, task, { ...options, repairs: fields.repair ?? true, take });
    answer = valued.answer;
    structured = valueOf(valued);
  } else answer = await ask(model, request, task, options);
  const { usage } = answer;
  if (isDify(task.config)) return completed(difyOutputs(answer, schema ? structured : undefined), { usage });
  if (output === "full") return completed(wholeOf(answer, structured), { usage });
  if (schema) return completed(structured, { usage });
  if (tools) return completed({ text: answer.text, tool_calls: answer.toolCalls }, { usage });
  return completed(answer.text, { usage });
}

function wholeOf({ text, reasoning, usage, finishReason, toolCalls }: Answer, structured: Json): object {
  return { text, reasoning, usage, finish_reason: finishReason, structured, tool_calls: toolCalls };
}

/** What a question is made of. */
type AskedTask = Pick<NodeTask, "config" | "seed" | "input">;

/** What a task of this node asks a model, its files unread; null where its fields are wrong. For those who look on. */
export function modelRequestOf(task: AskedTask): ModelRequest | null {
  try {
    const fields = config.parse(task.config);
    const draft = draftOf(fields, task);
    return requestOf(fields, task, { ...draft, messages: withoutBytes(draft.messages) });
  } catch (error) {
    if (error instanceof AppError || error instanceof z.ZodError) return null;
    throw error;
  }
}

function requestOf(
  fields: Config,
  task: AskedTask,
  { system, messages }: { readonly system: string | null; readonly messages: ModelRequest["messages"] },
): ModelRequest {
  const { params } = fields;
  return {
    messages,
    seed: typeof params?.["seed"] === "number" ? params["seed"] : task.seed,
    ...(system ? { system } : {}),
    ...(params ? { params } : {}),
    ...(fields.schema ? { schema: fields.schema } : {}),
    ...(fields.tools ? { tools: fields.tools.map(toolOf) } : {}),
  };
}

/**
 * `messages` stand for themselves. Else one message of the user: the prompt, a blank line, the input. A step that has a
 * prompt and names no input gets the prompt alone: the prompt's templates have taken from the run what they wanted.
 */
function draftOf(fields: Config, task: AskedTask): Draft {
  const { messages, prompt, input, system = null } = fields;
  if (messages) return compose(system, messages, fields);
  const asked = textOf(prompt);
  const given = prompt !== undefined && input === undefined ? "" : textOf(task.input());
  const content = [asked, given].filter((text) => text !== "").join("\n\n");
  return compose(system, [{ role: "user", content }], fields);
}

function toolOf({ name, description, parameters }: z.output<typeof tool>): ModelTool {
  const schema = parameters ?? { type: "object" };
  return description ? { name, description, parameters: schema } : { name, parameters: schema };
}
