import fc from "fast-check";
import { expect, test } from "vitest";
import { Payload } from "../base/payload.ts";
import type { DispatchTask } from "./command.ts";
import type { Input, TaskOutcome } from "./input.ts";
import { once, pick, randomWorkflow, type Choices, type Kinds } from "./random-workflow.testing.ts";
import { done, fails, HOLD, World } from "./run.testing.ts";
import { isFinal } from "./state.ts";

/** How many random runs; a failure prints the seed that repeats it. */
const RUNS = Number(process.env["WEFT_PROPERTY_RUNS"] ?? 200);

const ALL: Kinds = {
  types: ["worker", "switch", "for_each", "loop", "workflow", "assign", "aggregate", "wait", "approval"],
  failures: true,
  readsValues: true,
  stepsMax: 5,
  depthMax: 2,
};
const INNER = `
name: inner
steps:
  - {id: i, type: worker, input: I}
  - {id: e, type: for_each, items: "{{ inputs.list }}", steps: [{id: j, type: worker}]}
  - {id: v, type: assign, variables: {v: 1}, depends_on: [i]}`;

/** Choices from a seed (mulberry32): shrinking a seed makes no sense, so a failing case is repeated and not shrunk. */
function seeded(seed: number): Choices {
  let state = seed >>> 0;
  return {
    below(bound) {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound);
    },
  };
}

function randomWorld(choices: Choices, kinds: Kinds, more: { recoverEvery?: number } = {}): World {
  const inputs = { f0: once(choices, 2), f1: once(choices, 2), f2: once(choices, 2), list: [7, 8] };
  return new World(randomWorkflow(choices, kinds), {
    inputs,
    nested: { inner: INNER },
    inlineMax: once(choices, 2) ? 20 : 2000,
    checkEvery: 7,
    ...more,
  });
}

function randomOutcome(choices: Choices, world: World): TaskOutcome {
  switch (choices.below(8)) {
    case 0:
      return fails("BROKEN");
    case 1:
      return fails("BUSY", { retryable: true, ...(once(choices, 2) ? { retryAfterMs: 1000 } : {}) });
    case 2:
      return { type: "parked", until: world.now + choices.below(5000), reason: "breaker open" };
    default:
      return done(once(choices, 2) ? choices.below(5) : "a longer value".repeat(choices.below(9)));
  }
}

/** Something that may happen to the run now: sensible, late, repeated or senseless. */
function randomInput(choices: Choices, world: World, sent: readonly Input[]): Input {
  const { pending, state } = world;
  const timers = [...state.owed.values()].filter((command) => command.type === "arm_timer");
  switch (choices.below(12)) {
    case 0:
      if (sent.length > 0) return pick(choices, sent);
      break;
    case 1:
      return {
        type: "signal_received",
        id: `s${choices.below(20)}`,
        name: "go",
        payload: Payload.of("signal".repeat(choices.below(9))),
      };
    case 2:
    case 3:
      if (timers.length > 0) return { type: "timer_fired", timer: pick(choices, timers).id };
      break;
    case 4:
    case 5:
      for (const { scope, node, waiting } of state.waiting.values())
        if (waiting.type === "approval" && once(choices, 2))
          return { type: "approval_decided", id: "d", scope, node, approved: once(choices, 2), by: null, form: null };
      break;
    case 6:
      if (once(choices, 40)) return { type: "cancel_requested", reason: "enough" };
      if (once(choices, 5)) return { type: "resume" };
      break;
    default:
  }
  if (pending.size === 0) return { type: "resume" };
  const { scope, node, attempt } = pick(choices, [...pending.values()]);
  if (once(choices, 20)) return { type: "task_starting", scope, node, attempt };
  return { type: "task_reported", scope, node, attempt, outcome: randomOutcome(choices, world) };
}

function live(choices: Choices, world: World): void {
  const sent: Input[] = [];
  world.start();
  for (let i = choices.below(60); i > 0 && !isFinal(world.state.status); i--) {
    const input = randomInput(choices, world, sent);
    sent.push(input);
    world.now += choices.below(3000);
    world.input(input);
  }
  finish(world);
}

/** Brings a run to its end, whatever it waits for. */
function finish(world: World): void {
  for (let i = 0; !isFinal(world.state.status); i++) {
    if (i > 5000) throw new Error("the run does not come to an end");
    if (world.step()) continue;
    const waiting = world.state.waiting.values().next().value;
    if (!waiting) throw new Error("the run is stuck: nothing is owed and nothing waits");
    const { scope, node } = waiting;
    world.input(
      waiting.waiting.type === "approval"
        ? { type: "approval_decided", id: "d", scope, node, approved: true, by: null, form: null }
        : { type: "signal_received", id: `last${i}`, name: "go", payload: Payload.null },
    );
  }
}

function expectWellFormed(world: World): void {
  const finals = world.events.filter(
    ({ type }) => type === "run_completed" || type === "run_failed" || type === "run_cancelled",
  );
  expect(finals).toHaveLength(1);
  expect(world.events.at(-1)).toBe(finals[0]);
  const results = new Map<string, number>();
  const ends = new Map<string, number>();
  for (const event of world.events) {
    if (event.type !== "task_completed" && event.type !== "task_failed" && event.type !== "task_retried") continue;
    const task = `${event.scope}/${event.node}`;
    results.set(`${task}#${event.attempt}`, (results.get(`${task}#${event.attempt}`) ?? 0) + 1);
    if (event.type !== "task_retried") ends.set(task, (ends.get(task) ?? 0) + 1);
  }
  expect([...results].filter(([, count]) => count > 1)).toEqual([]);
  expect([...ends].filter(([, count]) => count > 1)).toEqual([]);
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 });

test("whatever happens to it, a run stays well-formed, comes to one end, and is the fold of its rows", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const choices = seeded(seed);
      const world = randomWorld(choices, ALL);
      live(choices, world);
      expectWellFormed(world);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});

test("a run that is recovered again and again decides what one that lived through decides", () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 4 }), (seed, recoverEvery) => {
      const lived = seeded(seed);
      const first = randomWorld(lived, ALL);
      live(lived, first);
      const again = seeded(seed);
      const second = randomWorld(again, ALL, { recoverEvery });
      live(again, second);
      expect(second.events.map(brief)).toEqual(first.events.map(brief));
      expect(second.output).toEqual(first.output);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});

/** An event without the place of its values: in the event, or in the store. */
function brief(event: object): object {
  return Object.fromEntries(Object.entries(event).filter(([, value]) => !(value instanceof Payload)));
}

test("without failures the outcome does not depend on the order in which tasks end", () => {
  const kinds: Kinds = {
    ...ALL,
    types: ["worker", "worker", "switch", "for_each", "loop", "workflow", "aggregate"],
    failures: false,
  };
  fc.assert(
    fc.property(seeds, seeds, (seed, order) => {
      const straight = randomWorld(seeded(seed), kinds).start().run();
      const choices = seeded(order);
      const mixed = randomWorld(seeded(seed), kinds).start();
      while (mixed.pending.size > 0) mixed.report(pick<DispatchTask>(choices, [...mixed.pending.values()]));
      expect(mixed.state.status).toBe("succeeded");
      expect(mixed.output).toEqual(straight.output);
      expect(mixed.called.toSorted()).toEqual(straight.called.toSorted());
      expect(statuses(mixed)).toEqual(statuses(straight));
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});

test("of graphs of when and switch, exactly the steps run that the join rule names", () => {
  const kinds: Kinds = { types: ["switch", "switch"], failures: false, readsValues: false, stepsMax: 12, depthMax: 0 };
  fc.assert(
    fc.property(seeds, (seed) => {
      const world = randomWorld(seeded(seed), kinds).start().run();
      const ran = Object.entries(statuses(world)).flatMap(([id, status]) => (status === "succeeded" ? [id] : []));
      expect(ran.toSorted()).toEqual(expectedToRun(world).toSorted());
    }),
    { numRuns: RUNS * 3, endOnFailure: true },
  );
});

test("a run that is owed nothing and waits for nothing has ended", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const choices = seeded(seed);
      const world = randomWorld(choices, ALL).start();
      for (let i = choices.below(30); i > 0 && !isFinal(world.state.status); i--)
        world.input(randomInput(choices, world, []));
      const { owed, waiting, status } = world.state;
      if (!isFinal(status)) expect(owed.size + waiting.size).toBeGreaterThan(0);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});

function statuses(world: World): Record<string, string> {
  return Object.fromEntries(world.plan.bodies[0]!.nodes.map(({ id }) => [id, world.statusOf(id)]));
}

interface ModelStep {
  readonly id: string;
  readonly type: string;
  readonly when?: string;
  readonly join?: string;
  readonly depends_on?: readonly string[];
  readonly input?: string;
  readonly cases?: readonly { readonly name: string; readonly when: string }[];
  readonly default?: string;
}

/**
 * The join rule once more, from the text of the design: a node runs when every incoming edge is resolved and at least
 * one was taken (`all`: every one); references are edges only without `depends_on`. Steps stand in an order that fits.
 */
function expectedToRun(world: World): string[] {
  const { steps } = JSON.parse(world.text) as { readonly steps: readonly ModelStep[] };
  const flags = world.options.inputs as Readonly<Record<string, unknown>>;
  const holds = (flag: string): boolean => flags[flag.replace("inputs.", "")] === true;
  const ran = new Map<string, string | null>();
  for (const step of steps) {
    const read = /steps\.(\w+)\./.exec(step.input ?? "")?.[1];
    const edges = step.depends_on ?? (read === undefined ? [] : [read]);
    const taken = edges.filter((edge) => {
      const [from, handle] = edge.split(".");
      return ran.has(from!) && (handle === undefined || ran.get(from!) === handle);
    });
    const joined = edges.length === 0 || (step.join === "all" ? taken.length === edges.length : taken.length > 0);
    if (!joined || (step.when !== undefined && !holds(step.when))) continue;
    ran.set(step.id, step.cases?.find((option) => holds(option.when))?.name ?? step.default ?? null);
  }
  return [...ran.keys()];
}

test("a script that holds every task back leaves the run waiting and not stuck", () => {
  const world = new World("name: x\nsteps: [{id: a, type: worker}]", { does: { a: HOLD } }).start().run();
  expect(world.state.owed.size).toBe(1);
});
