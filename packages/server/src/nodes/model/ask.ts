import { AppError, failureOf, type Json } from "@weftwork/core";
import type { Model, ModelPart, ModelRequest, ToolCall, Usage } from "../../gateway/model.ts";
import { failedAs, type ChosenOutcome } from "../define-node.ts";
import type { NodeTask } from "../node.ts";
import { ThoughtSplitter } from "./thoughts.ts";

/**
 * Where the thoughts of a model go. `tagged`: into the text, between `<think>` and `</think>`. `separated`: apart, also
 * those that the model puts into its text between such tags. `as_is`: the text is what the provider calls text.
 */
export type Reasoning = "tagged" | "separated" | "as_is";

export interface AskOptions {
  readonly reasoning: Reasoning;
  /** Whether those who watch see the text as it comes. */
  readonly tells: boolean;
}

export interface Answer {
  readonly text: string;
  /** Empty where there is none. */
  readonly reasoning: string;
  readonly toolCalls: readonly Omit<ToolCall, "type">[];
  /** The value of a request with a schema, where the provider has read it. */
  readonly object: Json | undefined;
  readonly usage: Usage;
  readonly finishReason: Finish["finishReason"];
  /** Milliseconds to the first sign of the answer, and to its end. */
  readonly firstMs: number;
  readonly totalMs: number;
}

type Finish = Extract<ModelPart, { type: "finish" }>;

/** Asks once and reads the stream to its end. A stream that was cut is a failure, never an answer. */
export async function ask(model: Model, request: ModelRequest, task: NodeTask, options: AskOptions): Promise<Answer> {
  const begun = performance.now();
  const listener = new Listener(task, options);
  const toolCalls: Omit<ToolCall, "type">[] = [];
  let finish: Finish | null = null;
  let firstMs: number | null = null;
  for await (const part of model.stream(request, { signal: task.signal })) {
    if (part.type !== "text_start") firstMs ??= performance.now() - begun;
    if (part.type === "text_delta") listener.text(part.text);
    else if (part.type === "reasoning_delta") listener.thought(part.text);
    else if (part.type === "tool_call") toolCalls.push({ id: part.id, name: part.name, arguments: part.arguments });
    else if (part.type === "finish") finish = part;
  }
  if (!finish) throw new AppError("MODEL_STREAM_CUT", { model: model.id, reason: "it had no end." });
  listener.end();
  const { finishReason, usage, object } = finish;
  if (finishReason === "length" || finishReason === "content_filter") {
    task.emit({ type: "log", level: "warn", message: `${model.id} stopped early: ${finishReason}` });
  }
  const totalMs = performance.now() - begun;
  const { said, thoughts } = listener;
  const reasoning = thoughts.trim();
  return { text: said, reasoning, toolCalls, object, usage, finishReason, firstMs: firstMs ?? totalMs, totalMs };
}

/** Puts together what is said, and passes it on. */
class Listener {
  said = "";
  thoughts = "";
  private inThought = false;
  private readonly splitter: ThoughtSplitter | null;
  private readonly task: NodeTask;
  private readonly options: AskOptions;

  constructor(task: NodeTask, options: AskOptions) {
    this.task = task;
    this.options = options;
    this.splitter = options.reasoning === "separated" ? new ThoughtSplitter() : null;
  }

  text(piece: string): void {
    if (this.inThought) this.say("\n</think>\n");
    this.inThought = false;
    if (this.splitter === null) this.say(piece);
    else for (const { type, text } of this.splitter.push(piece)) this.pass(type, text);
  }

  thought(piece: string): void {
    if (this.options.reasoning !== "tagged") {
      this.think(piece);
      return;
    }
    if (!this.inThought) this.say("<think>\n");
    this.inThought = true;
    this.say(piece);
  }

  end(): void {
    if (this.inThought) this.say("\n</think>\n");
    for (const { type, text } of this.splitter?.end() ?? []) this.pass(type, text);
  }

  private pass(type: "text" | "thought", text: string): void {
    if (type === "text") this.say(text);
    else this.think(text);
  }

  private say(text: string): void {
    this.said += text;
    if (this.options.tells) this.task.emit({ type: "text_delta", text });
  }

  private think(text: string): void {
    this.thoughts += text;
    if (this.options.tells) this.task.emit({ type: "reasoning_delta", text });
  }
}

/** A refusal that says when to come again is an outcome that says so; anything else stays thrown. */
export function refused(error: unknown): ChosenOutcome {
  const retryAfterMs = error instanceof AppError ? error.details["retryAfterMs"] : undefined;
  if (typeof retryAfterMs !== "number") throw error;
  return failedAs(failureOf(error), retryAfterMs);
}
