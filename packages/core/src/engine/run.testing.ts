import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import type { Failure } from "../base/errors.ts";
import { Payload } from "../base/payload.ts";
import { renderValueTemplate } from "../expression/template.ts";
import { importDify } from "../dify/import.ts";
import { compile } from "../plan/compile.ts";
import type { Plan, WorkNode } from "../plan/plan.ts";
import { parseWorkflow } from "../workflow/parse.ts";
import type { Command, DispatchTask } from "./command.ts";
import { decide, start } from "./decide.ts";
import { defaultInput } from "./default-input.ts";
import { decodeRow, encodeRow, payloadsOf, type Decision, type RunCreated, type RunEvent } from "./event.ts";
import { foldRow, nodeOf } from "./evolve.ts";
import type { Input, TaskOutcome } from "./input.ts";
import { outstanding, takeNotes } from "./outstanding.ts";
import { rerun, type Rerun } from "./rerun.ts";
import { hash32 } from "./retry.ts";
import { controlPayloads, payloadsRead, scopeView } from "./scope-view.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { initialState, isFinal, type RunState, type ScopeState } from "./state.ts";
import { encodeTask, encodeTaskBriefly, readTask } from "./task-text.ts";

/**
 * A tiny world for one run: it carries out what the run is owed, by a script and a simulated clock, and after every
 * decision checks what must hold always:
 *
 * W1. Folding the encoded rows gives the live state, byte for byte; so does a snapshot and the rows behind it.
 * W2. What is outstanding is the same in all of them.
 * W3. A quiet run decides nothing more; a repeated report decides nothing; a finished run takes no event.
 */
export class World {
  readonly text: string;
  readonly plan: Plan;
  readonly nested: ReadonlyMap<string, Plan>;
  readonly options: WorldOptions;
  readonly events: RunEvent[] = [];
  readonly decisions: Decision[] = [];
  readonly rows: string[] = [];
  /** Every call of an executor, in order. */
  readonly calls: Call[] = [];
  /** Dispatched and not reported yet. */
  readonly pending = new Map<string, DispatchTask>();
  readonly withdrawn: string[] = [];
  state: RunState;
  now = 1_700_000_000_000;
  /** Most commands owed and scopes open at any moment. */
  peak = { owed: 0, scopes: 0 };
  readonly store: Map<string, string>;
  private shadow: RunState;

  constructor(workflow: string, options: WorldOptions = {}) {
    this.options = options;
    this.store = options.store ?? new Map();
    this.text = workflow;
    this.plan = planOf(workflow);
    this.nested = new Map(Object.entries(options.nested ?? {}).map(([name, text]) => [keyOf(name), planOf(text)]));
    this.state = initialState(this.plan, this.nested);
    this.shadow = initialState(this.plan, this.nested);
  }

  start(): this {
    this.started();
    this.drain();
    return this;
  }

  /** The first decision alone: a run that pauses stays paused. */
  started(): this {
    const { options } = this;
    const created: RunCreated = {
      type: "run_created",
      runId: options.runId ?? "run_1",
      tenant: "default",
      workflow: this.plan.name,
      version: this.plan.version,
      hash: this.plan.hash,
      pins: Object.fromEntries([...this.nested].map(([key, plan]) => [key, plan.hash])),
      inputs: Payload.of(options.inputs ?? {}),
      seed: 1,
      priority: "normal",
      metadata: {},
      waits: options.waits ?? null,
      rerunOf: options.rerun !== undefined ? { runId: "run_0", scope: "root", node: "?" } : null,
      batch: null,
    };
    this.load(options.rerun?.payloads ?? []);
    this.record(start(this.state, created, options.rerun?.copies ?? [], this.now), []);
    return this;
  }

  /** Does all that can be done: tasks first, oldest first, then the next timer. Ends when the run does, or waits. */
  run(most = 100_000): this {
    for (let i = 0; i < most; i++) if (!this.step()) return this;
    throw new Error("the run does not come to an end");
  }

  /** One task or timer; false when there is none. */
  step(): boolean {
    for (const command of this.pending.values()) if (this.report(command)) return true;
    const timer = this.nextTimer();
    if (timer === null) return false;
    this.fire(timer.id);
    return true;
  }

  /** Carries a dispatched task out and reports its outcome; false when the script holds it back. */
  report(command: DispatchTask): boolean {
    const outcome = this.execute(command);
    if (outcome === HOLD) return false;
    const { scope, node, attempt } = command;
    this.input({ type: "task_reported", scope, node, attempt, outcome });
    return true;
  }

  /** Timers due soonest, first. */
  nextTimer(): { readonly id: string; readonly dueAt: number } | null {
    let next: Extract<Command, { type: "arm_timer" }> | null = null;
    for (const command of this.state.owed.values())
      if (command.type === "arm_timer" && (next === null || command.dueAt < next.dueAt)) next = command;
    return next;
  }

  fire(timer: string): RunEvent[] {
    const command = this.state.owed.get(timer);
    if (command?.type === "arm_timer") this.now = Math.max(this.now, command.dueAt);
    return this.input({ type: "timer_fired", timer });
  }

  /** Submits an input, records what it caused, and checks what must hold. Returns the events. */
  input(input: Input): RunEvent[] {
    const before = this.events.length;
    const wasFinal = isFinal(this.state.status);
    const events = decide(this.state, input, this.now);
    if (wasFinal && events.length > 0) throw new Error("a finished run took an event");
    this.record(events, [input.type]);
    this.drain();
    if (input.type !== "resume" && isRepeatable(input)) this.expectNothing(input);
    return this.events.slice(before);
  }

  /** Throws the live state away and goes on with what the journal has. */
  recover(): void {
    this.state = this.rows.reduce((state, row) => foldRow(state, decodeRow(row)), initialState(this.plan, this.nested));
    this.load(controlPayloads(this.state));
  }

  get output(): Json {
    this.load(this.state.output?.missing() ?? []);
    return this.state.output?.value ?? null;
  }

  /** `node` or `scope/node` of the calls, in order. */
  get called(): string[] {
    return this.calls.map(({ scope, node }) => (scope === "root" ? node : `${scope}/${node}`));
  }

  types(type: RunEvent["type"]): RunEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  /** Value of a step of the root. */
  valueOf(step: string): Json {
    const output = this.state.scopes.get("root")!.tasks[this.plan.bodies[0]!.byId.get(step)!.index]?.output ?? null;
    this.load(output?.missing() ?? []);
    return output?.value ?? null;
  }

  statusOf(step: string): string {
    return this.state.scopes.get("root")!.tasks[this.plan.bodies[0]!.byId.get(step)!.index]?.status ?? "pending";
  }

  private execute(command: DispatchTask): TaskOutcome | typeof HOLD {
    const scope = this.state.scopes.get(command.scope)!;
    const node = nodeOf(scope, command.node) as WorkNode;
    this.load(payloadsRead(scope, node.reads));
    const { config, input } = seenBy(this.state, scope, node);
    this.checkElsewhere(command, node, { config, input });
    const { does = {} } = this.options;
    const call: Call = { scope: scope.id, node: node.id, attempt: command.attempt, config, input };
    const script = does[`${scope.id}/${node.id}`] ?? does[node.id] ?? does["*"];
    const answer = typeof script === "function" ? script(call) : script;
    const outcome = answer === undefined ? done(config["template"] ?? input) : answer;
    if (outcome !== HOLD) this.calls.push(call);
    return outcome;
  }

  /** A process that has nothing of the run but the text of the task sees the same. */
  private checkElsewhere(command: DispatchTask, node: WorkNode, here: { config: JsonObject; input: Json }): void {
    if (this.calls.length > 200) return;
    for (const encode of [encodeTask, encodeTaskBriefly])
      this.checkText(encode(this.state, command), command, node, here);
  }

  private checkText(
    text: string,
    command: DispatchTask,
    node: WorkNode,
    here: { config: JsonObject; input: Json },
  ): void {
    const read = readTask(text);
    if (read.hash !== this.plan.hash) throw new Error("the task names another plan");
    const elsewhere = read.decode(this.plan, this.nested);
    const scope = elsewhere.state.scopes.get(command.scope)!;
    this.load(payloadsRead(scope, node.reads));
    same(JSON.stringify(elsewhere.command), JSON.stringify(command), "the task elsewhere is another one");
    const there = seenBy(elsewhere.state, scope, nodeOf(scope, command.node) as WorkNode);
    same(canonicalJson(there), canonicalJson(here), "a task sees another thing elsewhere");
  }

  /** Keeps the events as one row, and checks it. */
  private record(events: readonly RunEvent[], causes: readonly string[]): void {
    if (events.length > 0) {
      const decision = { at: this.now, causes, events };
      const { inlineMax = 200 } = this.options;
      for (const event of events) for (const payload of payloadsOf(event)) this.keep(payload, inlineMax);
      const row = encodeRow([decision]);
      this.state.seq += 1;
      this.rows.push(row);
      this.decisions.push(decision);
      this.events.push(...events);
      foldRow(this.shadow, decodeRow(row));
    }
    this.carryOut();
    this.check();
    const { recoverEvery = 0 } = this.options;
    if (events.length > 0 && recoverEvery > 0 && this.rows.length % recoverEvery === 0) this.recover();
  }

  /** Goes on for as long as the run has something left to decide. */
  private drain(): void {
    while (this.state.undecided.length > 0) this.record(decide(this.state, { type: "resume" }, this.now), ["resume"]);
  }

  private carryOut(): void {
    const { fresh, withdrawn } = takeNotes(this.state);
    this.withdrawn.push(...withdrawn);
    for (const command of fresh) if (command.type === "dispatch_task") this.pending.set(command.id, command);
    for (const id of this.pending.keys()) if (!this.state.owed.has(id)) this.pending.delete(id);
    this.peak.owed = Math.max(this.peak.owed, this.state.owed.size);
    this.peak.scopes = Math.max(this.peak.scopes, this.state.scopes.size);
  }

  private check(): void {
    const often =
      (this.rows.length < 50 && this.state.scopes.size < 50) ||
      this.rows.length % (this.options.checkEvery ?? 50) === 0;
    if (!often && !isFinal(this.state.status)) return;
    const live = encodeSnapshot(this.state);
    same(encodeSnapshot(this.shadow), live, "the folded state is not the live one");
    const reread = decodeSnapshot(live, this.plan, this.nested);
    same(encodeSnapshot(reread), live, "the snapshot read back is another one");
    same(JSON.stringify(outstanding(reread)), JSON.stringify(outstanding(this.state)), "another thing is owed");
    // From here on the shadow is a snapshot and its tail.
    this.shadow = reread;
    if (this.state.undecided.length === 0) this.expectNothing({ type: "resume" });
    if (!isFinal(this.state.status)) return;
    const folded = this.rows.reduce(
      (state, row) => foldRow(state, decodeRow(row)),
      initialState(this.plan, this.nested),
    );
    same(encodeSnapshot(folded), live, "the state folded from the first row is not the live one");
    this.expectNothing({ type: "cancel_requested", reason: "too late" });
    this.expectNothing({ type: "signal_received", id: "too-late", name: "go", payload: Payload.null });
    if (this.state.owed.size > 0) throw new Error("a finished run is owed something");
  }

  private expectNothing(input: Input): void {
    const isSmall = this.state.scopes.size < 50;
    const before = isSmall ? encodeSnapshot(this.state) : "";
    const events = decide(this.state, input, this.now + 1);
    if (events.length > 0) throw new Error(`${input.type} decided ${JSON.stringify(events)} when nothing was due`);
    if (isSmall) same(encodeSnapshot(this.state), before, `${input.type} changed the state without an event`);
  }

  private keep(payload: Payload, inlineMax: number): void {
    if (payload.reference || payload.size <= inlineMax) return;
    const text = payload.storable();
    const hash = digest(text);
    this.store.set(hash, text);
    payload.storedAs(hash, text.length);
  }

  private load(wanted: readonly Payload[]): void {
    for (let missing = wanted; missing.length > 0; missing = wanted.flatMap((payload) => payload.missing()))
      for (const payload of missing) payload.load(this.store.get(payload.reference!.hash)!);
  }
}

/** What an executor is given. */
function seenBy(state: RunState, scope: ScopeState, node: WorkNode): { config: JsonObject; input: Json } {
  const config = renderValueTemplate(node.config, scopeView(state, scope)) as JsonObject;
  const input = Object.hasOwn(config, "input") ? config["input"]! : defaultInput(scope, node.defaultInput);
  return { config, input };
}

export interface WorldOptions {
  readonly inputs?: JsonObject;
  /** Texts of the nested workflows, by `name` or `name@version`. */
  readonly nested?: Readonly<Record<string, string>>;
  /** What executors answer, by node or `scope/node`, `*` for the rest; otherwise a step answers with its input. */
  readonly does?: Readonly<Record<string, Answer | ((call: Call) => Answer | undefined)>>;
  readonly waits?: RunCreated["waits"];
  readonly rerun?: Rerun;
  /** Stored payloads by hash, shared with the run before. */
  readonly store?: Map<string, string>;
  readonly runId?: string;
  /** Characters of a payload that stay in the events. */
  readonly inlineMax?: number;
  /** Recover from the journal after every so many rows. */
  readonly recoverEvery?: number;
  readonly checkEvery?: number;
}

export interface Call {
  readonly scope: string;
  readonly node: string;
  readonly attempt: number;
  readonly config: JsonObject;
  readonly input: Json;
}

/** The executor does not answer (yet). */
export const HOLD = "hold";
export type Answer = TaskOutcome | typeof HOLD;

export function done(value: unknown): TaskOutcome {
  return { type: "completed", output: Payload.of(value) };
}

export function fails(code = "STEP_FAILED", more: { retryable?: boolean; retryAfterMs?: number } = {}): TaskOutcome {
  const failure: Failure = { code, message: `it failed with ${code}`, retryable: more.retryable ?? false };
  return more.retryAfterMs === undefined
    ? { type: "failed", failure }
    : { type: "failed", failure, retryAfterMs: more.retryAfterMs };
}

/** Runs a workflow as far as it goes by itself. */
export function runs(workflow: string, options: WorldOptions = {}): World {
  return new World(workflow, options).start().run();
}

/** Runs again from one node, with what the run before has done; on another workflow when one is given. */
export function runsAgain(before: World, scope: string, node: string, changes: Again = {}): World {
  const { workflow = before.text, ...options } = changes;
  const next = new World(workflow, { ...before.options, ...options, store: before.store });
  const rows = before.rows.flatMap((row) => decodeRow(row));
  const [was, is] = [before.options.inputs ?? {}, next.options.inputs ?? {}];
  const changed = Object.keys({ ...was, ...is }).filter(
    (name) => canonicalJson(was[name] ?? null) !== canonicalJson(is[name] ?? null),
  );
  const taken = rerun(before.options.runId ?? "run_1", rows, { scope, node }, before, next, new Set(changed));
  if (!taken) throw new Error(`${scope}/${node} is not there`);
  return new World(workflow, { runId: "run_2", ...next.options, rerun: taken }).start().run();
}

type Again = WorldOptions & { readonly workflow?: string };

export function planOf(text: string): Plan {
  const parsed = parseWorkflow(text);
  if (parsed.problems.some(({ code }) => code === "dify_file")) return planOfDify(text);
  const { workflow, pointer, locate } = parsed;
  if (workflow === null) throw new Error(JSON.stringify(parsed.problems));
  const compiled = compile(workflow, { version: "1.0.0", hash: digest(text), digest, locate, pointer });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.plan;
}

function planOfDify(text: string): Plan {
  const { workflow, problems } = importDify(text);
  if (workflow === null) throw new Error(JSON.stringify(problems));
  const compiled = compile(workflow, { version: "1.0.0", hash: digest(text), digest });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.plan;
}

/** Long enough for tests: core has no cryptographic hash of its own. */
export function digest(text: string): string {
  return [text, `${text.length}:${text}`].map((part) => hash32(part).toString(16).padStart(8, "0")).join("");
}

function keyOf(name: string): string {
  return name.includes("@") ? name : `${name}@`;
}

/** Inputs that the world may send twice. */
function isRepeatable(input: Input): boolean {
  return input.type !== "task_reported" || input.outcome.type !== "parked";
}

function same(actual: string, expected: string, what: string): void {
  if (actual === expected) return;
  let at = 0;
  while (actual[at] === expected[at]) at++;
  const around = (text: string): string => text.slice(Math.max(0, at - 80), at + 80);
  throw new Error(`${what}, at ${at}:\n  ${around(actual)}\n  ${around(expected)}`);
}

/** A JSON object, for tests that look into values. */
export function mapOf(value: Json): JsonObject {
  if (!isJsonObject(value)) throw new Error(`${JSON.stringify(value)} is no map`);
  return value;
}
