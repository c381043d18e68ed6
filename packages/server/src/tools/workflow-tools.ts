import { AppError, type JsonObject } from "@weftwork/core";
import type { NodeTask } from "../nodes/node.ts";
import type { Tool } from "./tool.ts";
import { functionName } from "./names.ts";

/** Runs of workflows that a tool begins. Given at composition: tools know nothing of the engine. */
export interface ToolWorkflows {
  /** Throws `WORKFLOW_NOT_FOUND`. */
  describe(
    workflow: string,
    version: string | null,
  ): Promise<{ readonly description: string | null; readonly inputs: JsonObject | null }>;
  /**
   * Begins a run, or finds the one that the key has begun before, and waits for its outputs. Throws `NESTING_LIMIT`,
   * `INVALID_INPUTS`, and `TOOL_FAILED` when the run does not succeed.
   */
  run(call: ToolRun): Promise<JsonObject>;
}

export interface ToolRun {
  readonly workflow: string;
  readonly version: string | null;
  readonly inputs: JsonObject;
  readonly key: string;
  /** The run whose step calls the tool. */
  readonly parent: string;
  readonly signal: AbortSignal;
}

/** A published workflow as a tool: its inputs are the arguments, its outputs the result. */
export async function workflowTool(
  { workflow, version }: { readonly workflow: string; readonly version: string | null },
  workflows: ToolWorkflows | null,
  task: NodeTask,
): Promise<Tool> {
  if (workflows === null) throw new AppError("WORKFLOW_NOT_FOUND", { workflow });
  const { description, inputs } = await workflows.describe(workflow, version);
  return {
    name: functionName(workflow) || "workflow",
    description: description ?? `Runs the workflow ${workflow}.`,
    parameters: inputs ?? { type: "object" },
    call: (args, { key, signal }) =>
      workflows.run({ workflow, version, inputs: args, key, parent: task.runId, signal }),
  };
}
