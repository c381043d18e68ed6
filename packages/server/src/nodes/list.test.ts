import type { Json, JsonObject } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { listNode } from "./list.ts";
import { testTask } from "./test-task.ts";

function run(config: JsonObject, input: Json = null) {
  return listNode().execute(testTask(config, { input }));
}

const people = [
  { name: "Ada", age: 36 },
  { name: "Bo", age: 7 },
  { name: "Cy", age: null },
  { name: "Di", age: 70 },
];

describe("what becomes of a list", () => {
  test.each<[string, JsonObject, Json]>([
    ["nothing, when nothing is said", {}, people],
    ["where keeps what is true for it", { where: "item.age and item.age > 10", map: "item.name" }, ["Ada", "Di"]],
    ["where sees the index", { where: "index is odd", map: "item.name" }, ["Bo", "Di"]],
    ["map by an expression", { map: "item.age" }, [36, 7, null, 70]],
    ["map by a template", { map: "{{ index }}: {{ item.name }}" }, ["0: Ada", "1: Bo", "2: Cy", "3: Di"]],
    ["map by a template that keeps its type", { map: "{{ item.age }}", limit: 2 }, [36, 7]],
    ["map to maps", { map: { who: "{{ item.name }}", at: ["{{ index }}"] }, limit: 1 }, [{ who: "Ada", at: [0] }]],
    ["sorted, null last", { sort_by: "item.age", map: "item.name" }, ["Bo", "Ada", "Di", "Cy"]],
    [
      "sorted down, null still last",
      { sort_by: "item.age", order: "desc", map: "item.name" },
      ["Di", "Ada", "Bo", "Cy"],
    ],
    ["map sees the index of the list as given", { sort_by: "item.name", order: "desc", map: "index" }, [3, 2, 1, 0]],
    ["a part", { offset: 1, limit: 2, map: "item.name" }, ["Bo", "Cy"]],
    ["nothing of it", { limit: 0 }, []],
    ["an offset past the end", { offset: 9 }, []],
    ["text", { map: "item.name", join: ", " }, "Ada, Bo, Cy, Di"],
    ["text of what is no text", { items: [1, "a", null, [2]], join: "|" }, "1|a||[2]"],
    [
      "without repetitions",
      { items: [1, "1", 1, { a: 1, b: 2 }, { b: 2, a: 1 }], unique: true },
      [1, "1", { a: 1, b: 2 }],
    ],
    ["unique looks at what map made", { map: "item.name | length", unique: true }, [3, 2]],
    ["all at once", { where: "item.age", sort_by: "item.age", map: "item.name", offset: 1, join: "+" }, "Ada+Di"],
  ])("%s", (_fact, config, expected) => {
    expect(run(config, people)).toEqual({ type: "completed", output: expected });
  });

  test("kinds are sorted apart, and equal keys keep their order", () => {
    const items = ["b", 10, true, 9, "a", false, [1]];
    expect(run({ items, sort_by: "item" })).toMatchObject({ output: [false, true, 9, 10, "a", "b", [1]] });
    expect(run({ items: [3, 1, 2], sort_by: "0" })).toMatchObject({ output: [3, 1, 2] });
  });

  test("the input is left as it was", () => {
    const items = Object.freeze([3, 1, 2]) as readonly number[];
    expect(run({ sort_by: "item" }, items)).toMatchObject({ output: [1, 2, 3] });
    expect(items).toEqual([3, 1, 2]);
  });

  test("text of an item that looks like a template is data", () => {
    expect(run({ items: ["{{ 1 + 1 }}"], map: "> {{ item }}" })).toMatchObject({ output: ["> {{ 1 + 1 }}"] });
  });
});

describe("what is refused", () => {
  test.each<[Json, string]>([
    [null, "null"],
    ["a,b", "text"],
    [3, "a number"],
    [{ a: 1 }, "a map"],
  ])("%j is no list", (input, actual) => {
    expect(run({}, input)).toMatchObject({ failure: { code: "ITEMS_INVALID", retryable: false, details: { actual } } });
  });

  test("a broken expression is named with its field", () => {
    for (const field of ["where", "sort_by", "map"]) {
      const outcome = run({ [field]: "item +" }, [1]);
      expect(outcome).toMatchObject({ failure: { code: "EXPRESSION_ERROR" } });
      expect(JSON.stringify(outcome)).toContain(`${field}: `);
    }
  });

  test("an error names the item's place and never its value", () => {
    const outcome = run({ map: "item.a.b.c" }, [{ a: { b: { c: 1 } } }, { secret: "s3cret" }]);
    expect(outcome).toMatchObject({ failure: { code: "EXPRESSION_ERROR" } });
    expect(JSON.stringify(outcome)).toContain("map, at item 1");
    expect(JSON.stringify(outcome)).not.toContain("s3cret");
  });

  test("expressions reach nothing but item and index", () => {
    for (const map of ["inputs.a", "secrets.key", "item.constructor", "item.__proto__", "process.env"]) {
      expect(run({ map }, [{ a: 1 }])).not.toMatchObject({ type: "completed", output: [expect.anything()] });
    }
  });

  test.each<JsonObject>([{ limit: -1 }, { limit: 1.5 }, { offset: "2" }, { order: "up" }, { unique: "yes" }])(
    "%j",
    (config) => {
      expect(run(config, [1])).toMatchObject({ failure: { code: "STEP_FAILED" } });
    },
  );
});

describe("a long list", () => {
  const items = Array.from({ length: 200_000 }, (_, n) => n);
  const slow = { items, map: "(item | string) ~ '-' ~ ((item * 7) % 1000)", sort_by: "-item", limit: 2 };

  test("lets other work go between and gives the same as at once", async () => {
    const other = { turns: 0, done: false };
    const turn = (): void => {
      other.turns++;
      if (!other.done) setImmediate(turn);
    };
    setImmediate(turn);
    const outcome = await run(slow);
    other.done = true;
    expect(other.turns).toBeGreaterThan(2);
    expect(outcome).toMatchObject({ output: ["199999-993", "199998-986"] });
  });

  test("ends soon after the signal", async () => {
    const controller = new AbortController();
    const outcome = listNode().execute(testTask(slow, { signal: controller.signal }));
    expect(outcome).toBeInstanceOf(Promise);
    controller.abort(new Error("stopped"));
    expect(await outcome).toMatchObject({ type: "failed" });
  });
});

test("more programs than are remembered give the same results", () => {
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 600; n++) expect(run({ map: `item + ${n}` }, [1])).toMatchObject({ output: [1 + n] });
  }
});
