import { AppError, isJsonObject, type Failure, type JsonObject } from "@weftwork/core";
import type { Catalog } from "../../gateway/catalog.ts";
import type { Model } from "../../gateway/model.ts";
import { modelOf } from "../model/fields.ts";
import type { NodeExecutor, NodeTask, Outcome } from "../node.ts";
import { failedKind, isDify, withConfig } from "./dialect.ts";

/** What was said before in the conversation that a run belongs to: so many questions with their answers. */
export type MemorySource = (tenant: string, runId: string, rounds: number) => Promise<readonly JsonObject[]>;

export interface AskingOptions {
  readonly catalog: Catalog<Model>;
  readonly memory: MemorySource;
}

/** Questions that are remembered when the step does not say how many, and when it says more. */
const ROUNDS_DEFAULT = 50;
const ROUNDS_MAX = 500;
/** The name that answers for models of imported files which are not known here. */
export const IMPORTED = "imported";

/** Steps that ask a model, with the kind of their failures that have no other. */
const KINDS: Readonly<Record<string, string>> = {
  model_inference: "LLMNodeError",
  classify: "QuestionClassifierNodeError",
  extract: "ParameterExtractorNodeError",
  agent: "AgentNodeError",
};

/** Failures of models in the words of Dify, which branches for errors read. */
const CODES: Readonly<Record<string, string>> = {
  MODEL_NOT_FOUND: "ModelNotExistError",
  MODEL_OVERLOADED: "InvokeRateLimitError",
  MODEL_QUOTA_EXHAUSTED: "InvokeRateLimitError",
  MODEL_AUTHENTICATION: "InvokeAuthorizationError",
  MODEL_UNAVAILABLE: "InvokeServerUnavailableError",
  MODEL_TIMEOUT: "InvokeConnectionError",
  MODEL_STREAM_CUT: "InvokeConnectionError",
  MODEL_REQUEST_INVALID: "InvokeBadRequestError",
  MODEL_INPUT_TOO_LONG: "InvokeBadRequestError",
  MODEL_CONTENT_FILTERED: "InvokeBadRequestError",
};

/**
 * Gives steps of imported workflows that ask a model what they have in Dify: the memory of their conversation (in the
 * config `memory.history`; a window counts questions with their answers), a model that stands for those which are not
 * known here, and kinds of failures that branches can read. Native steps and other types pass as they are.
 */
export function importedAsking(executor: NodeExecutor, options: AskingOptions): NodeExecutor {
  const kind = Object.hasOwn(KINDS, executor.type) ? KINDS[executor.type]! : null;
  if (kind === null) return executor;
  return {
    ...executor,
    execute: (task) => (isDify(task.config) ? asked(executor, options, task, kind) : executor.execute(task)),
  };
}

async function asked(
  executor: NodeExecutor,
  { catalog, memory: source }: AskingOptions,
  task: NodeTask,
  kind: string,
): Promise<Outcome> {
  try {
    let config: JsonObject = { ...task.config, ...modelFor(catalog, task.config) };
    const { memory } = config;
    if (isJsonObject(memory)) {
      const history = await source(task.tenant, task.runId, roundsOf(memory));
      config = { ...config, memory: { ...memory, history, window: { enabled: true, size: history.length } } };
    }
    const outcome = await executor.execute(withConfig(task, config));
    return outcome.type === "failed" ? { ...outcome, failure: named(outcome.failure, kind) } : outcome;
  } catch (error) {
    return failedKind(error, error instanceof AppError ? (CODES[error.code] ?? kind) : kind);
  }
}

function named(failure: Failure, kind: string): Failure {
  return { ...failure, details: { error_type: CODES[failure.code] ?? kind, ...failure.details } };
}

/** The model of the step where it is known, else the one that stands for such; else it is told how to name one. */
function modelFor(catalog: Catalog<Model>, config: JsonObject): JsonObject {
  const { model, provider } = config;
  const asks = typeof model === "string" && model !== "" ? model : null;
  try {
    modelOf(catalog, { model: asks, provider: typeof provider === "string" ? provider : null });
    return {};
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "MODEL_NOT_FOUND") throw error;
    if (catalog.list().some(({ name }) => name === IMPORTED)) return { model: IMPORTED, provider: "" };
    const remedy = `an operator names it under models: in ./config, such as "${asks}": NAME, or names one ${IMPORTED} that stands for all`;
    const known = `${String(error.details["known"])}; ${remedy}`;
    throw new AppError("MODEL_NOT_FOUND", { ...error.details, known });
  }
}

function roundsOf({ window }: JsonObject): number {
  const size = isJsonObject(window) && window["enabled"] === true ? window["size"] : null;
  return typeof size === "number" && size > 0 ? Math.min(Math.floor(size), ROUNDS_MAX) : ROUNDS_DEFAULT;
}
