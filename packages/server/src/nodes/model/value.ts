import { AppError, type Json, type JsonObject } from "@weftwork/core";
import type { Model, ModelRequest, Usage } from "../../gateway/model.ts";
import type { NodeTask } from "../node.ts";
import { schemaProblem } from "../json-schema.ts";
import { ask, type Answer, type AskOptions } from "./ask.ts";
import { lenientJson } from "./lenient-json.ts";

/** What an answer was taken for: a value, or why it is none, in words for the model and the author. */
export type Taken<Value> = { readonly value: Value } | { readonly problem: string };

export interface ValueOptions<Value> extends AskOptions {
  /** Asks once more, with what was wrong, when the first answer cannot be used. */
  readonly repairs: boolean;
  readonly take: (answer: Answer) => Taken<Value>;
}

/** An answer with what it was taken for; tokens and time are those of all calls. */
export interface Valued<Value> {
  readonly answer: Answer;
  readonly taken: Taken<Value>;
}

/** How much of an answer that cannot be used is shown to the model again. */
const SHOWN_MAX = 8000;

/**
 * Asks for a value. An answer that cannot be used is followed by one more call at most, which says what was wrong; not
 * when the model ran into its limit of tokens, for it would again. The second answer is not told to those who watch.
 */
export async function askForValue<Value>(
  model: Model,
  request: ModelRequest,
  task: NodeTask,
  options: ValueOptions<Value>,
): Promise<Valued<Value>> {
  const answer = await ask(model, request, task, options);
  const taken = options.take(answer);
  const isCut = answer.finishReason === "length" || answer.finishReason === "content_filter";
  if ("value" in taken || !options.repairs || isCut) return { answer, taken };
  task.emit({ type: "log", level: "info", message: `${model.id} is asked once more: ${taken.problem}` });
  const again = await ask(model, corrected(request, answer.text, taken.problem), task, { ...options, tells: false });
  const usage = sum(answer.usage, again.usage);
  const { firstMs, totalMs } = answer;
  return { answer: { ...again, usage, firstMs, totalMs: totalMs + again.totalMs }, taken: options.take(again) };
}

/** The question stays as it was, and what was wrong with the answer stands in the instruction above it. */
function corrected(request: ModelRequest, text: string, problem: string): ModelRequest {
  const shown = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  const told = `An earlier answer could not be used: ${problem}. It was:\n${shown}\nAnswer again, and avoid that mistake.`;
  return { ...request, system: request.system ? `${request.system}\n\n${told}` : told };
}

/** The object of an answer that a schema was asked of. */
export function takeObject(answer: Answer, schema: JsonObject): Taken<Json> {
  const value = answer.object ?? lenientJson(answer.text);
  if (value === undefined) return { problem: "it is not JSON" };
  const problem = schemaProblem(schema, value);
  return problem === null ? { value } : { problem };
}

export function valueOf<Value>({ taken }: Valued<Value>): Value {
  if ("value" in taken) return taken.value;
  throw new AppError("MODEL_OUTPUT_INVALID", { reason: taken.problem });
}

function sum(a: Usage, b: Usage): Usage {
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
  };
}
