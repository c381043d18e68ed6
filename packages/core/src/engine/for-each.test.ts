import { describe, expect, test } from "vitest";
import { done, fails, HOLD, runs, World } from "./run.testing.ts";

const each = (more: string, steps: string): string => `
name: each
steps:
  - id: each
    type: for_each
    items: "{{ inputs.items }}"
    ${more}
    steps:
${steps}`;
const ECHO = `      - {id: a, type: worker, input: "{{ item }}"}`;

describe("for_each", () => {
  test("keeps the values in the order of the items, however they end", () => {
    const world = new World(each("concurrency: 3", ECHO), { inputs: { items: [1, 2, 3] }, does: { a: HOLD } }).start();
    for (const i of [2, 0, 1]) {
      const outcome = done(`value ${i}`);
      world.input({ type: "task_reported", scope: `each[${i}]`, node: "a", attempt: 1, outcome });
    }
    expect(world.output).toEqual({ each: ["value 0", "value 1", "value 2"] });
  });

  test("never has more items open than its concurrency", () => {
    const items = Array.from({ length: 20 }, (_, i) => i);
    const world = runs(each("concurrency: 4", ECHO), { inputs: { items } });
    expect(world.output).toEqual({ each: items });
    expect(world.peak).toEqual({ owed: 4, scopes: 5 });
  });

  test("an empty list ends at once with an empty list", () => {
    const world = runs(each("", ECHO), { inputs: { items: [] } });
    expect(world.output).toEqual({ each: [] });
    expect(world.calls).toEqual([]);
  });

  test.each([
    [null, "null"],
    ["text", "a string"],
    [{ a: 1 }, "a map"],
    [7, "a number"],
  ])("items that are no list (%j) fail it", (items, actual) => {
    const world = runs(each("", ECHO), { inputs: { items } });
    expect(world.state.failure).toMatchObject({ code: "ITEMS_INVALID", details: { actual } });
    expect(world.state.failedAt).toEqual({ scope: "root", node: "each" });
  });

  test("collect says what is kept of each item", () => {
    const world = runs(each(`collect: {index: "{{ index }}", twice: "{{ steps.a.output * 2 }}"}`, ECHO), {
      inputs: { items: [5, 6] },
    });
    expect(world.output).toEqual({
      each: [
        { index: 0, twice: 10 },
        { index: 1, twice: 12 },
      ],
    });
  });

  test("without collect the value of the last inner step that ran is kept", () => {
    const world = runs(
      each("", `${ECHO}\n      - {id: b, type: template, template: "big", depends_on: [a], when: item > 1}`),
      { inputs: { items: [1, 2] } },
    );
    expect(world.output).toEqual({ each: [null, "big"] });
  });

  test("an item of skipped steps keeps null", () => {
    const world = runs(each("", `      - {id: a, type: worker, when: "false"}`), { inputs: { items: [1] } });
    expect(world.output).toEqual({ each: [null] });
  });

  const odd = { a: ({ input }: { input: unknown }) => ((input as number) % 2 === 1 ? fails("ODD") : undefined) };

  test("on_item_error null puts null in the place of a failed item", () => {
    const world = runs(each(`on_item_error: "null"`, ECHO), { inputs: { items: [0, 1, 2] }, does: odd });
    expect(world.output).toEqual({ each: [0, null, 2] });
  });

  test("on_item_error drop leaves it out", () => {
    const world = runs(each("on_item_error: drop", ECHO), { inputs: { items: [0, 1, 2, 3] }, does: odd });
    expect(world.output).toEqual({ each: [0, 2] });
  });

  test("a dropped item takes none of its own nulls along", () => {
    const world = runs(each("on_item_error: drop", ECHO), { inputs: { items: [null, 1, null] }, does: odd });
    expect(world.output).toEqual({ each: [null, null] });
  });

  test("on_item_error fail ends the others and opens no further item", () => {
    const world = runs(each("concurrency: 2", ECHO), {
      inputs: { items: [0, 1, 2, 3] },
      does: { ...odd, "each[0]/a": HOLD },
    });
    expect(world.state.failure?.code).toBe("ODD");
    expect(world.called).toEqual(["each[1]/a"]);
    expect(world.withdrawn).toContain("each[0]/a#1");
  });

  test("a collect that fails is a failure of its item", () => {
    const world = runs(each(`on_item_error: "null"\n    collect: "{{ steps.a.output.b.c }}"`, ECHO), {
      inputs: { items: [{}, { b: { c: 1 } }] },
    });
    expect(world.output).toEqual({ each: [null, 1] });
  });

  test("what still runs in a failed item is withdrawn, and the next item opens", () => {
    const world = new World(each(`concurrency: 1\n    on_item_error: drop`, `${ECHO}\n      - {id: b, type: worker}`), {
      inputs: { items: [1, 2] },
      does: { a: fails(), b: HOLD },
    }).start();
    world.step();
    expect(world.withdrawn).toEqual(["each[0]/b#1"]);
    expect([...world.state.owed.keys()]).toEqual(["each[1]/a#1", "each[1]/b#1"]);
  });

  test("steps inside read steps around them, and wait for them", () => {
    const world = runs(`
name: x
steps:
  - id: each
    type: for_each
    items: [1, 2]
    steps:
      - {id: b, type: template, template: "{{ steps.a.output }}{{ item }}"}
  - {id: a, type: template, template: A}`);
    expect(world.output).toEqual({ each: ["A1", "A2"] });
    expect(world.called[0]).toBe("a");
  });

  test("a for_each in a for_each has its own item and index", () => {
    const world = runs(
      each(
        "",
        `      - id: inner
        type: for_each
        items: "{{ item }}"
        steps:
          - {id: a, type: worker, input: ["{{ item }}", "{{ index }}"]}`,
      ),
      { inputs: { items: [["x", "y"], [], ["z"]] } },
    );
    expect(world.output).toEqual({
      each: [
        [
          ["x", 0],
          ["y", 1],
        ],
        [],
        [["z", 0]],
      ],
    });
    expect(world.called).toEqual(["each[0]/inner[0]/a", "each[0]/inner[1]/a", "each[2]/inner[0]/a"]);
  });

  test("its own timeout ends it and all inside", () => {
    const world = runs(each("timeout: 30\n    on_error: continue", ECHO), {
      inputs: { items: [1, 2] },
      does: { a: HOLD },
    });
    expect(world.state.status).toBe("succeeded");
    expect(world.events.find((event) => event.type === "task_failed")).toMatchObject({
      node: "each",
      failure: { code: "STEP_TIMEOUT", details: { timeoutMs: 30_000 } },
    });
    expect(world.withdrawn).toEqual(expect.arrayContaining(["each[0]/a#1", "each[1]/a#1"]));
  });

  test("a timeout that does not fire is withdrawn with the end", () => {
    const world = runs(each("timeout: 30", ECHO), { inputs: { items: [1] } });
    expect(world.withdrawn).toEqual(["root/each#1@due"]);
  });
});

describe("a for_each of many items", () => {
  const items = Array.from({ length: 2500 }, (_, i) => i);

  test("keeps its values in pages of a thousand, big ones by reference", () => {
    const big = (n: number): string => `${n}:`.padEnd(300, "x");
    const world = runs(each("concurrency: 7", ECHO), {
      inputs: { items },
      does: { a: ({ input }) => done(big(input as number)) },
      checkEvery: 500,
    });
    expect(world.events.flatMap((event) => (event.type === "values_paged" ? [event.page] : []))).toEqual([0, 1]);
    expect(world.output).toEqual({ each: items.map(big) });
    const completed = world.events.findLast((event) => event.type === "task_completed");
    expect(completed?.output.encode().length).toBeLessThan(60_000);
  });

  test("pages keep their order when items end out of it", () => {
    const world = new World(each("concurrency: 1000", ECHO), { inputs: { items }, checkEvery: 1000 }).start();
    while (world.pending.size > 0) world.report([...world.pending.values()].at(-1)!);
    expect(world.output).toEqual({ each: items });
  });

  test("costs the same for each item: events, commands owed and open scopes stay within the window", () => {
    const world = runs(each("concurrency: 5", ECHO), { inputs: { items }, checkEvery: 5000 });
    // Created, paged twice, two ends; of each item its task and its own end.
    expect(world.events).toHaveLength(2 * items.length + 6);
    expect(world.peak).toEqual({ owed: 5, scopes: 6 });
    expect(Math.max(...world.rows.slice(2, -1).map((row) => row.length))).toBeLessThan(10_000);
  });

  test("a snapshot in the middle does not hold the items that went before", () => {
    const world = new World(each("concurrency: 5", ECHO), { inputs: { items }, checkEvery: 5000 }).start();
    for (let i = 0; i < 2400; i++) world.step();
    expect(world.state.scopes.size).toBe(6);
    const task = world.state.scopes.get("root")!.tasks[0]!;
    expect(task.container).toMatchObject({ type: "items", ended: 2400 });
    expect(task.container?.type === "items" && [...task.container.values.open.keys()]).toEqual([2]);
  });

  test("without any work it pauses, goes on by resume, and comes to the same end", () => {
    const world = runs(
      each(`collect: "{{ item }}"`, `      - {id: s, type: switch, cases: [{name: a, when: item > 3}]}`),
      {
        inputs: { items },
        checkEvery: 10,
      },
    );
    expect(world.output).toEqual({ each: items });
    expect(world.decisions.length).toBeGreaterThan(5);
    expect(Math.max(...world.decisions.map(({ events }) => events.length))).toBeLessThan(520);
  });

  test("that fails just as it pauses leaves nothing behind to be decided", () => {
    const world = runs(
      each(
        "concurrency: 600\n    on_error: continue",
        `      - {id: s, type: switch, cases: [{name: a, when: item.ok.yes}]}`,
      ),
      { inputs: { items: Array.from({ length: 600 }, (_, i) => (i === 508 ? {} : { ok: {} })) }, checkEvery: 1 },
    );
    expect(world.decisions.map(({ events }) => events.length)).toEqual([512, 1]);
    expect(world.state.status).toBe("succeeded");
  });

  test("and many of them, all empty, pause and go on: each is asked once more for its end", () => {
    const one = (i: number): object => ({
      id: `e${i}`,
      type: "for_each",
      items: [],
      steps: [{ id: `s${i}`, type: "worker" }],
    });
    const world = runs(JSON.stringify({ name: "x", steps: Array.from({ length: 600 }, (_, i) => one(i)) }), {
      checkEvery: 1,
    });
    expect(world.events).toHaveLength(2 * 600 + 2);
    expect(world.decisions.map(({ events }) => events.length)).toEqual([512, 512, 178]);
  });

  test("read by a rule after a recovery, its pages are loaded first", () => {
    const text = `${each(`concurrency: 50`, ECHO)}
  - {id: s, type: switch, cases: [{name: many, when: steps.each.output | sum > 100}]}
  - {id: b, type: template, template: B, depends_on: [s.many]}`;
    const world = runs(text, { inputs: { items }, recoverEvery: 700, checkEvery: 5000 });
    expect(world.output).toEqual({ b: "B" });
  });
});
