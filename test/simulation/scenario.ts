import { memoryBlobs } from "../../packages/server/src/blob/memory.ts";
import { memoryCatalogue } from "../../packages/server/src/db/catalogue-memory.ts";
import { memoryJournal, type MemoryJournal } from "../../packages/server/src/journal/memory.ts";
import { nodeRegistry } from "../../packages/server/src/nodes/registry.ts";
import { Workflows } from "../../packages/server/src/runtime/workflows.ts";
import { watch } from "./checker.ts";
import { Clients } from "./client.ts";
import { Recorder, simulatedNodes } from "./effects.ts";
import { Faults, type FaultOptions } from "./faults.ts";
import { Observer } from "./observer.ts";
import { fill, PLANS } from "./library.ts";
import { SimProcess, type Shared } from "./process.ts";
import { Random } from "./random.ts";
import { judgeEnd } from "./verdict.ts";
import { Violations, type Violation } from "./violations.ts";
import { START, TENANT, World } from "./world.ts";

/** Faults happen up to this time; then everything heals, and what was accepted has to end. */
const FAULTS_MS = 60_000;
/** Time that a run may take after everything has healed: leases end, retries and timers of its plan, and its turn. */
const PATIENCE_MS = 900_000;

export interface ScenarioOptions {
  readonly record?: boolean;
  /** Puts a faulty store in the place of the good one; for the test of the checker. */
  readonly plant?: (journal: MemoryJournal, random: Random) => MemoryJournal;
  readonly faults?: Partial<FaultOptions>;
}

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly trace: readonly string[];
  readonly stats: {
    readonly runs: number;
    readonly events: number;
    readonly calls: number;
    readonly repeats: number;
    readonly crashes: number;
    readonly takeovers: number;
    readonly statuses: Readonly<Record<string, number>>;
    readonly passed: Readonly<Record<string, number>>;
    readonly virtualMs: number;
  };
}

/** One simulation from a seed: several processes, their clients, and everything that goes wrong. */
export async function simulate(seed: number, options: ScenarioOptions = {}): Promise<Outcome> {
  const random = new Random(seed);
  const world = new World(random, options.record ?? false);
  const faults = new Faults(random, {
    crashes: random.weighted({ "0": 1, "2": 2, "5": 1 }) === "0" ? 0 : random.int(1, 5),
    crashAt: null,
    messages: random.pick([0, 0.01, 0.03, 0.08]),
    ...options.faults,
  });
  const violations = new Violations();
  const recorder = new Recorder();
  const blobs = memoryBlobs();
  const catalogue = memoryCatalogue();
  const store = memoryJournal({ now: () => Math.floor(world.now) });
  const planted = options.plant?.(store, random) ?? store;
  const registry = nodeRegistry(simulatedNodes(world, null as unknown as SimProcess, recorder));
  const clock = { now: () => START, monotonic: () => 0, after: () => () => {}, soon: () => {} };
  const workflows = new Workflows({ catalogue, registry, clock, tenant: TENANT, plans: PLANS });
  const observer = new Observer(planted, blobs, workflows, violations, () => world.order);
  watch(observer, recorder, violations);
  const names = await fill(catalogue, registry, random);

  let crashes = 0;
  const processes: SimProcess[] = [];
  const shared: Shared = {
    world,
    faults,
    journal: observer.journal(),
    blobs,
    catalogue,
    recorder,
    poolSize: random.int(1, 6),
    crashed(process) {
      crashes += 1;
      const place = processes.indexOf(process);
      world.after(random.between(0, 15_000), null, `${process.name} is started again`, () => begin(place));
    },
    problem(process, message, runId, error) {
      world.note(`${process.name} has a problem with ${runId}: ${message}: ${String(error)}`);
      if (isMistake(error)) violations.add("engine", runId, `${message}: ${String(error)}`);
    },
  };
  let incarnation = 0;
  const begin = (place: number): void => {
    incarnation += 1;
    processes[place] = new SimProcess(shared, `p${place}.${incarnation}`, random.int(-2000, 2000));
  };
  const count = random.int(1, 3);
  for (let place = 0; place < count; place++) begin(place);
  const clients = new Clients(world, observer, violations, () => processes);
  const runs = random.int(3, 8);
  for (let i = 0; i < runs; i++) {
    const cancelAfter = random.chance(0.2) ? random.between(0, 30_000) : null;
    clients.add(`run${i}`, random.pick(names), random.int(0, 3), random.between(0, 30_000), cancelAfter);
  }
  schedule(world, processes);
  world.after(FAULTS_MS, null, "everything heals", () => faults.heal());

  // A planted fault that was found has done its work; what it broke further proves nothing.
  const stopsEarly = (): boolean => options.plant !== undefined && violations.found.length > 0;
  await world.run(START + FAULTS_MS + PATIENCE_MS, () => clients.done || stopsEarly());
  const virtualMs = world.now - START;
  await judgeEnd(planted, observer, clients, violations);
  return {
    seed,
    violations: violations.found,
    traceHash: world.traceHash,
    trace: world.trace,
    stats: {
      runs,
      events: world.order,
      calls: recorder.calls.length,
      repeats: recorder.calls.length - recorder.byKey.size,
      crashes,
      takeovers: [...observer.runs.values()].reduce((sum, run) => sum + run.grants.length, 0),
      statuses: countBy([...observer.runs.values()].map((run) => run.state.status)),
      passed: Object.fromEntries(faults.passed),
      virtualMs,
    },
  };
}

/** Stops, ends and starts of processes that do not depend on what they are doing. */
function schedule(world: World, processes: readonly SimProcess[]): void {
  const { random } = world;
  const times = random.int(0, 4);
  for (let i = 0; i < times; i++) {
    const kind = random.weighted({ kill: 3, stop: 2, drain: 1, all: 0.5 });
    world.after(random.between(500, FAULTS_MS), null, `${kind} somebody`, () => {
      const process = random.pick(processes);
      if (kind === "kill" && process.alive) process.crash("killed");
      else if (kind === "drain" && process.engine) void process.stop(5000);
      else if (kind === "stop") process.pause(random.pick([500, 9000, 11_500, 36_000]));
      else if (kind === "all") for (const each of processes) each.crash("all are killed");
    });
  }
}

/** An error that only a mistake in the engine explains. */
function isMistake(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || String(error).includes("INTERNAL");
}

function countBy(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
