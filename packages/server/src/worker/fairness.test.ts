import { compile, hash32, initialState, parseWorkflow, Payload, start, takeNotes } from "@weftwork/core";
import type { Plan, Priority, RunCreated } from "@weftwork/core";
import { expect, it } from "vitest";
import { memoryBlobs } from "../blob/memory.ts";
import { memoryJournal } from "../journal/memory.ts";
import type { NodeExecutor, Outcome } from "../nodes/node.ts";
import { nodeRegistry } from "../nodes/registry.ts";
import { HandClock } from "../runtime/engine.testing.ts";
import { hotRun, type HotRun } from "../runtime/hot-run.ts";
import { Payloads } from "../runtime/payloads.ts";
import { Worker } from "./worker.ts";

const PLACES = 4;

/** A worker with one pool of four places, and steps that take as long as their run says. */
class World {
  readonly clock = new HandClock(0);
  readonly worker: Worker;
  /** Milliseconds for which each tenant has had a place, and the runs of each class that ended. */
  readonly service: Record<string, number> = {};
  readonly ended: Record<string, number> = {};
  readonly classes: string[] = [];
  private readonly plans = new Map<string, Plan>();
  private keys = 0;

  constructor() {
    const journal = memoryJournal({ now: this.clock.now });
    this.worker = new Worker({
      registry: nodeRegistry([this.step()]),
      payloads: new Payloads(journal, memoryBlobs(), { payloadBytesMax: 1e6, objectBytesMin: Infinity }),
      clock: this.clock,
      pools: { default: PLACES },
      resultBytesMax: 1e6,
      report: (run) => {
        this.ended[run.tenant] = (this.ended[run.tenant] ?? 0) + 1;
        this.classes.push(run.state.created!.priority);
        run.state.owed.clear();
      },
      progress: () => undefined,
      mayStart: () => true,
    });
  }

  /** Begins runs of one step each. */
  submit(
    tenant: string,
    count: number,
    of: { readonly ms: number; readonly flow?: string; readonly priority?: Priority },
  ) {
    for (let i = 0; i < count; i++) {
      const run = this.run(tenant, of.flow ?? "flow", of.ms, of.priority ?? "normal");
      for (const command of takeNotes(run.state).fresh)
        if (command.type === "dispatch_task") this.worker.dispatch(run, command);
    }
  }

  private run(tenant: string, flow: string, ms: number, priority: Priority): HotRun {
    const key = ++this.keys;
    const plan = this.planOf(flow);
    const state = initialState(plan, new Map());
    const id = `run_${key}`;
    const created: RunCreated = {
      type: "run_created",
      runId: id,
      tenant,
      workflow: plan.name,
      version: plan.version,
      hash: plan.hash,
      pins: {},
      inputs: Payload.of({ ms }),
      seed: 1,
      priority,
      metadata: {},
      waits: null,
      rerunOf: null,
      batch: null,
    };
    start(state, created, [], 0);
    return hotRun({ key, tenant, id, epoch: 1, state, nextSeq: 2, creation: null, recordedStatus: null });
  }

  private planOf(name: string): Plan {
    const known = this.plans.get(name);
    if (known) return known;
    const text = `name: ${name}\ninputs: {ms: number}\nsteps:\n  - {id: a, type: step, ms: "{{ inputs.ms }}"}\n`;
    const { workflow } = parseWorkflow(text, { ownTypes: new Set(["step"]) });
    const compiled = compile(workflow!, { version: "1.0.0", hash: name, digest: (one) => String(hash32(one)) });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
    this.plans.set(name, compiled.plan);
    return compiled.plan;
  }

  private step(): NodeExecutor {
    return {
      type: "step",
      version: 1,
      effect: "effect",
      pool: "default",
      timeoutMs: null,
      execute: ({ tenant, config }) =>
        new Promise<Outcome>((resolve) => {
          const ms = config["ms"] as number;
          this.clock.after(ms, () => {
            this.service[tenant] = (this.service[tenant] ?? 0) + ms;
            resolve({ type: "completed", output: null });
          });
        }),
    };
  }
}

function figure(text: string): void {
  process.stdout.write(`equal service: ${text}\n`);
}

it("gives two tenants with loads of 1 to 10 equal service while both wait", async () => {
  const world = new World();
  world.submit("large", 2000, { ms: 100 });
  await world.clock.advance(1000);
  const before = world.ended["large"]!;
  world.submit("small", 200, { ms: 100 });
  await world.clock.advance(8000);
  const [large, small] = [world.ended["large"]! - before, world.ended["small"]!];
  figure(`${large} and ${small} runs of two tenants with loads of 10 and 1, in 8 s of ${PLACES} places`);
  expect(large + small).toBeGreaterThanOrEqual(8000 / (100 / PLACES) - PLACES);
  expect(Math.abs(large - small)).toBeLessThanOrEqual(2 * PLACES);
});

it("counts the time of the places, and not the number of steps", async () => {
  const world = new World();
  world.submit("slow", 500, { ms: 1000 });
  world.submit("quick", 5000, { ms: 50 });
  await world.clock.advance(60_000);
  const { slow, quick } = world.service;
  figure(`${slow} ms of slow and ${quick} ms of quick steps`);
  // Twice the largest step for each place.
  expect(Math.abs(slow! - quick!)).toBeLessThanOrEqual(2 * PLACES * 1000);
  expect(slow! + quick!).toBeGreaterThan(0.97 * PLACES * 60_000);
});

it("puts low-priority work off under pressure, loses none of it, and finishes it afterwards", async () => {
  const world = new World();
  world.worker.hold(["batch", "background"]);
  world.submit("acme", 20, { ms: 100, priority: "background" });
  world.submit("acme", 20, { ms: 100, priority: "batch" });
  world.submit("acme", 20, { ms: 100, priority: "normal" });
  await world.clock.advance(10_000);
  expect(world.classes).toEqual(Array.from({ length: 20 }, () => "normal"));
  expect(world.worker.pressure()[0]).toMatchObject({ active: 0, waiting: 40 });
  world.worker.hold(["background"]);
  await world.clock.advance(10_000);
  expect(world.classes.slice(20)).toEqual(Array.from({ length: 20 }, () => "batch"));
  world.worker.hold([]);
  await world.clock.advance(10_000);
  expect(world.classes.slice(40)).toEqual(Array.from({ length: 20 }, () => "background"));
  expect(world.worker.pressure()[0]).toMatchObject({ active: 0, waiting: 0, oldestMs: 0 });
});
