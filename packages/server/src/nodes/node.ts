import type { Failure, Json, JsonObject, Resources } from "@weftwork/core";

/**
 * How often the same task may be done.
 * `pure`: any number of times, nothing outside changes. `idempotent`: repeating it with the same key is harmless.
 * `effect`: each time is felt outside. An effect starts only when the events that led to it are recorded.
 */
export type Effect = "pure" | "idempotent" | "effect";

/**
 * Does one kind of work. A task in, an outcome out.
 *
 * N1. An executor keeps nothing between tasks that a result depends on.
 * N2. It ends soon after `signal` aborts; what it returns then is ignored.
 * N3. What it throws is a failed outcome: an `AppError` keeps its code, anything else becomes `STEP_FAILED`.
 */
export interface NodeExecutor {
  readonly type: string;
  /** Raised when the same config and input may give another result; part of cache keys. */
  readonly version: number;
  readonly effect: Effect;
  /** Pool whose workers do it, unless the step names another. */
  readonly pool: string;
  /** Milliseconds a task may take unless the step says otherwise; null: no limit. */
  readonly timeoutMs: number | null;
  /**
   * Done by processes of users' own and never by one of the engine: in pools that only they serve. `false`: this executor
   * stands in for them, whatever pool a step names.
   */
  readonly byOwnWorkers?: boolean;
  /** Fields of an own type that are sent outside: there `secrets.NAME` may stand, and `task.secrets` puts them in. */
  readonly secretFields?: readonly string[];
  /** Why this executor cannot work on this machine, in words with the remedy; null when it can. */
  unavailable?(config: JsonObject): string | null;
  /**
   * What a step needs of this machine and does not find, in words with the remedy. A run with such a step is refused when
   * it is submitted, and not only when it comes to the step.
   */
  needs?(config: JsonObject): string | null;
  execute(task: NodeTask): Promise<Outcome> | Outcome;
  /** Lets go of what it holds open, such as connections; called once, after its last task. */
  close?(): Promise<void>;
}

/** Pools of users' own workers are apart from those of the engine, also where they share a name. */
export const OWN_POOL = "own/";

/** The pool whose workers do a step of the executor; `named`: the pool that the step names. */
export function poolOf(executor: NodeExecutor | undefined, named: string | null): string {
  if (executor?.byOwnWorkers === false) return executor.pool;
  const pool = named ?? executor?.pool ?? "default";
  return executor?.byOwnWorkers ? OWN_POOL + pool : pool;
}

/** One attempt at one node, with everything resolved. */
export interface NodeTask {
  readonly runId: string;
  readonly tenant: string;
  /** Hash of the workflow's content: same for all runs of a version. */
  readonly workflowHash: string;
  /** `root`, `each-doc[3]`, … */
  readonly scope: string;
  readonly node: string;
  /** From 1. */
  readonly attempt: number;
  /** What the step asks to have free for it; null: nothing particular. */
  readonly resources: Resources | null;
  /** Same for every repeat of this attempt after a crash; send it along as an idempotency key. */
  readonly key: string;
  /** The step's fields, templates rendered; fields of RAW_FIELDS as written. Frozen. */
  readonly config: JsonObject;
  /** The step's input: its `input` field, else the outputs it depends on, else the run's inputs. */
  input(): Json;
  /** Derived from the run's seed, equal at every repeat. 32 bits. */
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Puts secrets where the config names them. */
  readonly secrets: SecretTexts;
  /** Best-effort progress: tokens and log lines for those who watch. Never part of the result. */
  emit(part: TaskPart): void;
}

/**
 * A config never holds a secret: where the author wrote `secrets.NAME` its texts have a mark. Whoever sends such a text
 * outside asks here, at the last moment and with the target it goes to; the answer is kept in no variable that outlives
 * the request, and in no error.
 */
export interface SecretTexts {
  /**
   * The text with every mark replaced by its secret. Throws `SECRET_NOT_FOUND`, and `SECRET_NOT_ALLOWED` where a secret
   * is bound to other hosts than that of the target.
   */
  reveal(text: string, target: URL): string;
  /**
   * Bytes that came back, with every secret taken out that was revealed so far. For what goes elsewhere than into the
   * outcome, such as a file: what a task returns, throws and emits is looked through anyhow.
   */
  hide(bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
}

/** Where there are no secrets, no text has a mark. */
export const NO_SECRETS: SecretTexts = { reveal: (text) => text, hide: (bytes) => bytes };

export type TaskPart =
  | { readonly type: "text_delta"; readonly text: string }
  /** What a model thinks aloud. No part of the text. */
  | { readonly type: "reasoning_delta"; readonly text: string }
  | { readonly type: "log"; readonly level: "info" | "warn" | "error"; readonly message: string };

export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
}

export type Outcome =
  | { readonly type: "completed"; readonly output: unknown; readonly usage?: Usage }
  | { readonly type: "failed"; readonly failure: Failure; readonly retryAfterMs?: number }
  /** Not now, and not the step's fault: no attempt is counted and no slot is held until `until` (milliseconds). */
  | { readonly type: "parked"; readonly until: number; readonly reason: string };

/** The executors of a process, one a type. Fixed once made. */
export interface NodeRegistry {
  /** Throws `NODE_NOT_AVAILABLE` for a type that nobody here does. */
  get(type: string): NodeExecutor;
  has(type: string): boolean;
  types(): readonly string[];
  /** The types that the language itself does not know: nodes of the operator's own. */
  ownTypes(): readonly string[];
  /** Fields of an own type that are sent outside. */
  secretFields(type: string): readonly string[];
}
