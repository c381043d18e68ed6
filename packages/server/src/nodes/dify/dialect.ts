import { AppError, failureOf, type Failure, type JsonObject } from "@weftwork/core";
import { failedAs, type ChosenOutcome } from "../define-node.ts";
import type { NodeExecutor, NodeTask } from "../node.ts";

/** Steps that came from a Dify file say so, and mean its rules. */
export function isDify(config: JsonObject): boolean {
  return config["dialect"] === "dify";
}

/** One executor for both languages: what asks in the words of Dify goes to the second. */
export function inDialects(native: NodeExecutor, imported: NodeExecutor): NodeExecutor {
  return { ...native, execute: (task) => (isDify(task.config) ? imported : native).execute(task) };
}

/** The same task with other fields, for an executor of native steps that does the work. */
export function withConfig(task: NodeTask, config: JsonObject): NodeTask {
  return Object.create(task, { config: { value: config } }) as NodeTask;
}

/** Whether Dify's own limits hold. */
export function hasDifyLimits(config: JsonObject): boolean {
  return config["limits"] === "dify";
}

/** A failure with its kind in the words of Dify, which error branches read; one that names its kind keeps it. */
export function failedKind(error: unknown, kind: string): ChosenOutcome {
  const failure = isFailure(error) ? error : failureOf(error, "STEP_FAILED");
  return failedAs({ ...failure, details: { error_type: kind, ...failure.details } });
}

function isFailure(error: unknown): error is Failure {
  return typeof error === "object" && error !== null && !(error instanceof Error) && "code" in error;
}

/** A mistake of the step, of a kind. */
export function refusedKind(reason: string, error_type: string): AppError {
  return new AppError("STEP_FAILED", { reason, error_type });
}
