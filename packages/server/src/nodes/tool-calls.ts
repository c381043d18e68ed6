import { createHash } from "node:crypto";
import {
  AppError,
  canonicalJson,
  encodeJson,
  failureOf,
  isJsonObject,
  readJsonSchema,
  type Json,
  type JsonObject,
} from "@weftwork/core";
import type { OfferedTool } from "../tools/tool.ts";
import { schemaProblem } from "./json-schema.ts";
import type { NodeTask } from "./node.ts";
import { textOf } from "./text.ts";

/** Calls of one round that are under way at the same time. */
const CALLS_AT_ONCE = 8;
/** Calls that one round may have; what comes behind them is refused. */
const CALLS_MAX = 64;
/** Characters of arguments in a line of the log. */
const ARGUMENTS_SHOWN = 500;

/** A call as a model has asked for it. */
export interface AskedCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: Json;
}

/** A call and what came of it; `error` is what the tool, or the check before it, said. */
export interface DoneCall {
  readonly tool: string;
  readonly arguments: Json;
  readonly result?: Json;
  readonly error?: string;
  readonly duration_ms: number;
}

export interface ToolCallerOptions {
  readonly tools: readonly OfferedTool[];
  readonly task: NodeTask;
  /** Milliseconds from any start, for how long calls took. */
  readonly monotonic: () => number;
}

/**
 * Does the calls of one task. Nothing that goes wrong in a call is thrown: what called it is told. Only the end of the
 * task ends it.
 */
export class ToolCaller {
  private readonly options: ToolCallerOptions;
  private readonly byName: ReadonlyMap<string, OfferedTool>;
  /** How often each call was made, by what it is. */
  private readonly made = new Map<string, number>();

  constructor(options: ToolCallerOptions) {
    this.options = options;
    this.byName = new Map(options.tools.map((tool) => [tool.name, tool]));
  }

  /** All calls of a round, several at a time; the results are in the order of the calls. */
  async all(calls: readonly AskedCall[]): Promise<readonly DoneCall[]> {
    // Numbered before any begins: which one is first must not depend on which one is quick.
    const keyed = calls.map((call) => ({ call, key: this.keyOf(call) }));
    const done: DoneCall[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < keyed.length) {
        const at = next++;
        const { call, key } = keyed[at]!;
        done[at] = await this.one(call, at < CALLS_MAX ? key : null);
      }
    };
    await Promise.all(Array.from({ length: Math.min(CALLS_AT_ONCE, calls.length) }, work));
    return done;
  }

  /** `key` null: a call too many. */
  private async one(call: AskedCall, key: string | null): Promise<DoneCall> {
    const { task, monotonic } = this.options;
    const begun = monotonic();
    const shown = `${cut(call.name, 64)} ${cut(encodeJson(call.arguments), ARGUMENTS_SHOWN)}`;
    const about = { tool: call.name, arguments: call.arguments };
    try {
      if (key === null)
        throw new AppError("TOOL_FAILED", { tool: call.name, reason: `a round has ${CALLS_MAX} calls at most` });
      const result = await this.call(call, key);
      const ms = Math.round(monotonic() - begun);
      task.emit({ type: "log", level: "info", message: `${shown}: ${textOf(result).length} characters in ${ms} ms` });
      return { ...about, result, duration_ms: ms };
    } catch (error) {
      task.signal.throwIfAborted();
      const ms = Math.round(monotonic() - begun);
      const text = failureText(error);
      task.emit({ type: "log", level: "warn", message: `${shown}: failed after ${ms} ms: ${text}` });
      return { ...about, error: text, duration_ms: ms };
    }
  }

  private call({ name, arguments: given }: AskedCall, key: string): Promise<Json> {
    const tool = this.byName.get(name);
    if (!tool) {
      const known = [...this.byName.keys()].join(", ") || "none";
      throw new AppError("TOOL_NOT_FOUND", { tool: name, reason: `there is no such tool; known: ${known}` });
    }
    return tool.call(checkedArguments(tool, given), { key, signal: this.options.task.signal });
  }

  /**
   * Made of what the call is and not of when it came: a model that answers otherwise after a crash makes other calls,
   * and a call that is the same is known to be.
   */
  private keyOf({ name, arguments: given }: AskedCall): string {
    const what = createHash("sha256")
      .update(canonicalJson([name, given]))
      .digest("hex")
      .slice(0, 32);
    const number = (this.made.get(what) ?? 0) + 1;
    this.made.set(what, number);
    return `${this.options.task.key}/${what}/${number}`;
  }
}

/** What a model is told of a failure: the message, and what the service said where it said something. */
function failureText(error: unknown): string {
  const { message, details } = failureOf(error, "STEP_FAILED");
  const body = details?.["body"];
  return typeof body === "string" && body.trim() !== "" ? `${message} ${body.trim()}` : message;
}

/** Arguments that fit the tool, where its schema can be used: else its service judges them. Throws `TOOL_ARGUMENTS`. */
export function checkedArguments({ name, parameters }: OfferedTool, given: Json): JsonObject {
  if (!isJsonObject(given)) throw new AppError("TOOL_ARGUMENTS", { tool: name, reason: "they are not a map" });
  // Schemas of services hold keywords that cannot be checked here, such as patterns with look-ahead.
  const problem = readJsonSchema(parameters).problems.length > 0 ? null : schemaProblem(parameters, given);
  if (problem !== null) throw new AppError("TOOL_ARGUMENTS", { tool: name, reason: problem });
  return given;
}

/** A text that is not longer than that, and says where it was cut. */
export function cut(text: string, length: number): string {
  return text.length <= length
    ? text
    : `${text.slice(0, length).toWellFormed()}… (cut; ${text.length} characters in all)`;
}
