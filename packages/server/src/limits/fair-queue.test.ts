import { PRIORITIES, type Priority } from "@weftwork/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairQueue, type Request } from "./fair-queue.ts";

interface Job extends Request {
  readonly name: string;
  readonly estimate: number;
  readonly real: number;
}

let clock = 0;

function job(tenant: string, given: Partial<Job> = {}): Job {
  const { flow = "flow", name = `${tenant}/${flow}`, estimate = 1 } = given;
  return {
    tenant,
    flow,
    name,
    priority: "normal",
    at: clock++,
    bonusMs: 0,
    booked: 0,
    estimate,
    real: estimate,
    ...given,
  };
}

function queue(weights: Readonly<Record<string, number>> = {}): FairQueue<Job> {
  return new FairQueue<Job>({ cost: ({ estimate }) => estimate, weight: (tenant) => weights[tenant] ?? 1 });
}

/** Takes so many, one after the other, each settled before the next. */
function serve(from: FairQueue<Job>, count: number): Job[] {
  return Array.from({ length: count }, () => {
    const taken = from.take()!;
    from.settle(taken, taken.real);
    return taken;
  });
}

function tally(jobs: readonly Job[], of: (one: Job) => string, cost: (one: Job) => number = () => 1) {
  const sums: Record<string, number> = {};
  for (const one of jobs) sums[of(one)] = (sums[of(one)] ?? 0) + cost(one);
  return sums;
}

describe("a fair queue", () => {
  it("keeps the order of arrival within one flow", () => {
    const fair = queue();
    const jobs = Array.from({ length: 3000 }, () => job("a"));
    for (const one of jobs) fair.push(one);
    expect(serve(fair, 3000)).toEqual(jobs);
    expect(fair.take()).toBeUndefined();
  });

  it("gives two tenants equal service, whatever they asked for before the other came", () => {
    const fair = queue();
    for (let i = 0; i < 1000; i++) fair.push(job("flood"));
    serve(fair, 100);
    for (let i = 0; i < 100; i++) fair.push(job("small"));
    expect(tally(serve(fair, 200), ({ tenant }) => tenant)).toEqual({ flood: 100, small: 100 });
  });

  it("shares within a tenant between its flows, so that ten flows take no more than one", () => {
    const fair = queue();
    for (let i = 0; i < 1000; i++) fair.push(job("many", { flow: `flow ${i % 10}` }));
    for (let i = 0; i < 1000; i++) fair.push(job("one"));
    const taken = serve(fair, 200);
    expect(tally(taken, ({ tenant }) => tenant)).toEqual({ many: 100, one: 100 });
    expect(
      new Set(
        Object.values(
          tally(
            taken.filter(({ tenant }) => tenant === "many"),
            ({ flow }) => flow,
          ),
        ),
      ),
    ).toEqual(new Set([10]));
  });

  it("gives by weight", () => {
    const fair = queue({ heavy: 3 });
    for (let i = 0; i < 1000; i++) for (const tenant of ["heavy", "light"]) fair.push(job(tenant));
    expect(tally(serve(fair, 400), ({ tenant }) => tenant)).toEqual({ heavy: 300, light: 100 });
  });

  it("counts what was used and not what was booked", () => {
    const fair = queue();
    for (let i = 0; i < 500; i++) fair.push(job("slow", { real: 9 }));
    for (let i = 0; i < 5000; i++) fair.push(job("quick"));
    const service = tally(
      serve(fair, 1000),
      ({ tenant }) => tenant,
      ({ real }) => real,
    );
    expect(Math.abs(service["slow"]! - service["quick"]!)).toBeLessThanOrEqual(18);
  });

  it("gives nothing for the time in which a tenant asked for nothing", () => {
    const fair = queue();
    for (let i = 0; i < 1000; i++) for (const tenant of ["a", "b"]) fair.push(job(tenant));
    fair.push(job("c"));
    serve(fair, 501);
    for (let i = 0; i < 100; i++) fair.push(job("c"));
    expect(tally(serve(fair, 99), ({ tenant }) => tenant)).toEqual({ a: 33, b: 33, c: 33 });
  });

  it("forgets tenants that came once, also while others never stop waiting", () => {
    const fair = queue();
    for (let i = 0; i < 10; i++) fair.push(job("busy"));
    let most = 0;
    for (let i = 0; i < 2000; i++) {
      for (const tenant of [`once ${i}`, "busy"]) fair.push(job(tenant, { real: 3 }));
      serve(fair, 2);
      most = Math.max(most, fair.tenantsKnown);
    }
    expect(fair.waiting).toBeGreaterThan(0);
    expect(most).toBeLessThan(20);
  });

  it("serves waiting classes 8:4:2:1", () => {
    const fair = queue();
    for (let i = 0; i < 100; i++) for (const priority of PRIORITIES) fair.push(job("a", { priority }));
    expect(tally(serve(fair, 30), ({ priority }) => priority)).toEqual({
      interactive: 16,
      normal: 8,
      batch: 4,
      background: 2,
    });
  });

  it("brings a bonus forward by so much, and no further", () => {
    const fair = queue();
    const at = (time: number, bonusMs: number): void =>
      fair.push(job("a", { at: time, bonusMs, name: `${time}+${bonusMs}` }));
    at(100, 0);
    at(200, 0);
    at(300, 150);
    at(400, 0);
    at(500, -1000);
    at(600, 600);
    expect(serve(fair, 6).map(({ name }) => name)).toEqual([
      "600+600",
      "100+0",
      "300+150",
      "200+0",
      "400+0",
      "500+-1000",
    ]);
  });

  it("takes nothing of a class that is held back, and everything once it is not", () => {
    const fair = queue();
    for (let i = 0; i < 5; i++) for (const priority of PRIORITIES) fair.push(job("a", { priority }));
    fair.hold(["batch", "background"]);
    expect([fair.waiting, fair.ready]).toEqual([20, 10]);
    const first = serve(fair, 10).map(({ priority }) => priority);
    expect(new Set(first)).toEqual(new Set(["interactive", "normal"]));
    expect(fair.take()).toBeUndefined();
    fair.push(job("a", { priority: "batch" }));
    expect(fair.ready).toBe(0);
    fair.hold([]);
    expect(serve(fair, 11)).toHaveLength(11);
    expect(fair.waiting).toBe(0);
  });

  it("tells the oldest that may be taken", () => {
    const fair = queue();
    expect(fair.oldestAt()).toBeNull();
    fair.push(job("a", { at: 7, priority: "batch" }));
    expect(fair.oldestAt()).toBe(7);
    for (const [at, flow] of [
      [9, "flow"],
      [8, "other"],
    ] as const)
      fair.push(job("b", { at, flow }));
    expect([fair.oldestAt(), fair.oldestAt(["normal"]), fair.oldestAt(["interactive"])]).toEqual([7, 8, null]);
    fair.hold(["batch"]);
    expect(fair.oldestAt()).toBe(8);
  });
});

/** What may happen to a queue: something comes, something is taken, the oldest taken one ends, a class is held. */
const happening = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("push" as const),
      tenant: fc.constantFrom("a", "b", "c"),
      flow: fc.constantFrom("x", "y"),
      priority: fc.constantFrom<Priority>(...PRIORITIES),
      bonusMs: fc.constantFrom(0, 0, 50, -50),
      estimate: fc.constantFrom(1, 2, 5),
      real: fc.constantFrom(0.1, 1, 7),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ type: "take" as const }) },
  { weight: 3, arbitrary: fc.constant({ type: "settle" as const }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("hold" as const), low: fc.boolean() }) },
);

describe("any fair queue", () => {
  it("gives each request once, whenever one may be taken, and then forgets everybody", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 200 }), (happenings) => {
        const fair = queue();
        const inside = new Set<Job>();
        const open: Job[] = [];
        let held: readonly Priority[] = [];
        const take = (): void => {
          const startable = [...inside].filter(({ priority }) => !held.includes(priority));
          expect(fair.ready).toBe(startable.length);
          const taken = fair.take();
          expect(taken === undefined).toBe(startable.length === 0);
          if (!taken) return;
          expect(held).not.toContain(taken.priority);
          expect(inside.delete(taken)).toBe(true);
          open.push(taken);
        };
        const settle = (): void => {
          const one = open.shift();
          if (one) fair.settle(one, one.real);
        };
        for (const one of happenings) {
          if (one.type === "push") {
            const { tenant, flow, priority, bonusMs, estimate, real } = one;
            const pushed = job(tenant, { flow, priority, bonusMs, estimate, real });
            inside.add(pushed);
            fair.push(pushed);
          } else if (one.type === "take") take();
          else if (one.type === "settle") settle();
          else fair.hold((held = one.low ? ["batch", "background"] : []));
          expect(fair.waiting).toBe(inside.size);
        }
        fair.hold((held = []));
        while (inside.size > 0) take();
        while (open.length > 0) settle();
        expect([fair.waiting, fair.tenantsKnown]).toEqual([0, 0]);
      }),
    );
  });

  it("lets two busy tenants differ by twice the largest request at most, for each that is under way", () => {
    const sizes = fc.array(fc.constantFrom(0.5, 1, 3, 10), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(sizes, sizes, sizes, fc.integer({ min: 1, max: 4 }), (first, second, estimates, slots) => {
        const fair = queue();
        const give = (tenant: string, costs: readonly number[]): void =>
          costs.forEach((real, at) => fair.push(job(tenant, { real, estimate: estimates[at]! })));
        give("a", first);
        give("b", second);
        const service: Record<string, number> = { a: 0, b: 0 };
        const left: Record<string, number> = { a: 60, b: 60 };
        const open: Job[] = [];
        while (left["a"]! > 0 && left["b"]! > 0) {
          while (open.length < slots) open.push(fair.take()!);
          const done = open.shift()!;
          fair.settle(done, done.real);
          service[done.tenant]! += done.real;
          left[done.tenant]! -= 1;
          if (open.some(({ tenant }) => left[tenant]! <= 1)) break;
          expect(Math.abs(service["a"]! - service["b"]!)).toBeLessThanOrEqual(2 * 10 * slots);
        }
      }),
    );
  });

  it("starves nobody: each of many tenants is served within one round of all", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 50 }), (tenants) => {
        const fair = queue();
        for (let i = 0; i < 20; i++) for (let t = 0; t < tenants; t++) fair.push(job(`t${t}`));
        for (let round = 0; round < 20; round++)
          expect(new Set(serve(fair, tenants).map(({ tenant }) => tenant)).size).toBe(tenants);
      }),
    );
  });
});
