import type { RunState, TaskOutcome } from "@weftwork/core";
import { Counters, Gauges, Histograms } from "./series.ts";

/** Upper bounds in seconds: from a template to a run that takes a day. */
const RUN_SECONDS = [0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86_400] as const;
const STEP_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800] as const;
const TOKEN_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

/** One pool of workers, as it stands. */
export interface PoolPressure {
  readonly pool: string;
  readonly active: number;
  readonly waiting: number;
  readonly concurrency: number;
  /** How long the oldest task waits. */
  readonly oldestMs: number;
}

/** A call to a model that has ended. */
export interface ModelCall {
  readonly provider: string;
  readonly model: string;
  readonly status: "succeeded" | "failed" | "cancelled";
  readonly seconds: number;
  /** Until the first text or tool call; null: none came. */
  readonly firstSeconds: number | null;
  readonly usage: { readonly input_tokens: number; readonly output_tokens: number } | null;
}

/**
 * What the engine of this process does, in numbers. Labels are types, names of the configuration and states, never ids
 * or texts, so the number of series is bounded.
 */
export class EngineMetrics {
  private readonly runs = new Histograms(
    "weft_run_duration_seconds",
    "Time from a run's start to its end.",
    ["status"],
    RUN_SECONDS,
  );
  private readonly queued = new Histograms(
    "weft_run_queue_wait_seconds",
    "Time from a run's submission to its start.",
    [],
    RUN_SECONDS,
  );
  private readonly tasks = new Counters("weft_node_executions_total", "Attempts of steps ended here, by how.", [
    "node_type",
    "status",
  ]);
  private readonly given = new Counters(
    "weft_tasks_given_total",
    "Attempts of steps given to other processes: handed to a worker, or stored for whoever takes them.",
    ["way"],
  );
  private readonly steps = new Histograms(
    "weft_node_duration_seconds",
    "Time of an attempt of a step.",
    ["node_type"],
    STEP_SECONDS,
  );
  private readonly calls = new Counters("weft_model_requests_total", "Calls of models ended, by how.", [
    "provider",
    "model",
    "status",
  ]);
  private readonly callTimes = new Histograms(
    "weft_model_request_duration_seconds",
    "Time of a call of a model.",
    ["provider", "model"],
    STEP_SECONDS,
  );
  private readonly firsts = new Histograms(
    "weft_model_first_token_seconds",
    "Time to the first part of a model's answer.",
    ["provider", "model"],
    TOKEN_SECONDS,
  );
  private readonly tokens = new Counters("weft_model_tokens_total", "Tokens, as the models counted them.", [
    "provider",
    "model",
    "type",
  ]);

  private readonly refusals = new Counters(
    "weft_admission_refused_total",
    "Runs that were refused for load, by their class and the reason.",
    ["class", "reason"],
  );

  refused(priority: string, reason: string): void {
    this.refusals.add([priority, reason]);
  }

  runEnded({ status, createdAt, startedAt, finishedAt }: RunState): void {
    if (finishedAt === null) return;
    if (startedAt !== null) this.queued.observe([], (startedAt - createdAt) / 1000);
    this.runs.observe([status], (finishedAt - (startedAt ?? createdAt)) / 1000);
  }

  /** `wanted` false: the run gave the attempt up. */
  taskEnded(type: string, outcome: TaskOutcome, ms: number, wanted: boolean): void {
    const status = !wanted ? "cancelled" : outcome.type === "completed" ? "succeeded" : outcome.type;
    this.tasks.add([type, status]);
    this.steps.observe([type], ms / 1000);
  }

  taskGiven(way: "handed" | "stored"): void {
    this.given.add([way]);
  }

  modelCalled({ provider, model, status, seconds, firstSeconds, usage }: ModelCall): void {
    this.calls.add([provider, model, status]);
    this.callTimes.observe([provider, model], seconds);
    if (firstSeconds !== null) this.firsts.observe([provider, model], firstSeconds);
    if (usage === null) return;
    this.tokens.add([provider, model, "input"], usage.input_tokens);
    this.tokens.add([provider, model, "output"], usage.output_tokens);
  }

  lines(pools: readonly PoolPressure[], pressure: number): readonly string[] {
    const depth = new Gauges("weft_queue_depth", "Tasks that wait for a place in their pool.", ["queue"]);
    const slots = new Gauges("weft_worker_slots", "Places of the pools.", ["queue", "state"]);
    const oldest = new Gauges("weft_queue_oldest_age_seconds", "How long the oldest task waits.", ["queue"]);
    const limits = new Gauges("weft_pool_limit", "Tasks at once in a pool, as its limit has it now.", ["pool"]);
    const load = new Gauges("weft_pressure", "Pressure on the process; 1: as much to do as can be done.", []);
    load.set([], Number(pressure.toFixed(3)));
    for (const { pool, active, waiting, concurrency, oldestMs } of pools) {
      depth.set([pool], waiting);
      oldest.set([pool], Math.round(oldestMs) / 1000);
      limits.set([pool], concurrency);
      slots.set([pool, "busy"], active);
      slots.set([pool, "free"], Math.max(0, concurrency - active));
    }
    const families = [
      this.runs,
      this.queued,
      this.tasks,
      this.given,
      this.steps,
      this.calls,
      this.callTimes,
      this.firsts,
      this.tokens,
      this.refusals,
    ];
    return [...families, depth, oldest, slots, limits, load].flatMap((family) => family.lines());
  }
}
