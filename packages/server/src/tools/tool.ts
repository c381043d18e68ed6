import type { JsonObject, Json } from "@weftwork/core";
import type { NodeTask } from "../nodes/node.ts";

/**
 * Something that a model, or a step, can have done by name.
 *
 * T1. `call` gets arguments that fit `parameters`, and may be called again with the same key after a crash.
 * T2. What goes wrong is thrown, as an `AppError` where it has a code. It holds no secret, and neither does a result.
 * T3. It ends soon after the signal aborts.
 */
export interface Tool {
  /** As its own set calls it. */
  readonly name: string;
  readonly description: string;
  /** JSON Schema of its arguments, which are an object. */
  readonly parameters: JsonObject;
  call(args: JsonObject, call: ToolCallContext): Promise<Json>;
}

export interface ToolCallContext {
  /** Same for the same call of the same task, also after a crash; sent along as an idempotency key. */
  readonly key: string;
  readonly signal: AbortSignal;
}

/** Tools from one place, such as a service. */
export interface ToolSet {
  readonly name: string;
  /** Names of its tools; null where only its server knows them. */
  readonly known: readonly string[] | null;
  /** The tools for one task; they are used until `close`. */
  open(task: NodeTask): Promise<OpenToolSet>;
}

export interface OpenToolSet {
  readonly tools: readonly Tool[];
  /** Lets go of what the tools hold at their server. Never throws. */
  close(): Promise<void>;
}

/** Which tools are wanted, as an author names them, and what of them the author decides. */
export interface ToolReference {
  /** `current_time`, `set` (all of it), `set/tool`, `workflow:NAME` or `workflow:NAME@VERSION`. */
  readonly tool: string;
  /** What the model is told in place of the tool's own words. */
  readonly name?: string;
  readonly description?: string;
  /** Arguments that are fixed: the model neither sees nor sets them. */
  readonly arguments?: JsonObject;
}

/** A tool under the name that a model calls it by: letters, digits, `_` and `-`, at most 64. */
export interface OfferedTool extends Tool {
  /** Where it comes from, as an author would name it. */
  readonly reference: string;
}

export interface OpenTools {
  /** No two of the same name. */
  readonly tools: readonly OfferedTool[];
  close(): Promise<void>;
}

/** All tools of a process by name. */
export interface Toolbox {
  /** Why no tool can be had under this reference, in words with the remedy; null when there may be one. Asks nobody. */
  problem(reference: string): string | null;
  /** Throws `TOOL_NOT_FOUND`, `WORKFLOW_NOT_FOUND`, and what a set's server says. */
  open(references: readonly ToolReference[], task: NodeTask): Promise<OpenTools>;
}
