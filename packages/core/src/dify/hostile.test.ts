import { expect, test } from "vitest";
import { importDify } from "./import.ts";
import { parseSegments } from "./template.ts";

/** A file of a graph, as JSON. */
function graph(nodes: readonly object[], edges: readonly object[]): string {
  return JSON.stringify({
    app: {},
    workflow: { graph: { nodes: [{ id: "s", data: { type: "start" } }, ...nodes], edges } },
  });
}
const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));

// What grows faster than the text would take minutes here, and be ended by the time limit of the test.
test.each([
  [
    "a long chain",
    graph(
      many(9000, (at) => ({ id: `n${at}`, data: { type: "code" } })),
      many(9000, (at) => ({ source: at === 0 ? "s" : `n${at - 1}`, target: `n${at}` })),
    ),
  ],
  [
    "many loops",
    graph(
      many(12_000, (at) => ({ id: `n${at}`, data: { type: "loop" } })),
      many(12_000, (at) => ({ source: "s", target: `n${at}` })),
    ),
  ],
  [
    "many edges between two nodes",
    graph(
      [{ id: "n", data: { type: "end" } }],
      many(30_000, () => ({ source: "s", target: "n" })),
    ),
  ],
  [
    "a circle",
    graph(
      many(9000, (at) => ({ id: `n${at}`, data: { type: "code" } })),
      many(9000, (at) => ({ source: `n${at}`, target: `n${(at + 1) % 9000}` })),
    ),
  ],
  [
    "containers that hold each other",
    graph(
      many(9000, (at) => ({
        id: `n${at}`,
        parentId: `n${(at + 1) % 9000}`,
        data: { type: "iteration", start_node_id: `n${(at + 1) % 9000}` },
      })),
      [],
    ),
  ],
  [
    "many buttons",
    graph(
      [{ id: "n", data: { type: "human-input", user_actions: many(40_000, (at) => ({ id: `a${at}` })) } }],
      [{ source: "s", target: "n" }],
    ),
  ],
  [
    "many cases",
    graph(
      [{ id: "n", data: { type: "if-else", cases: many(40_000, (at) => ({ case_id: `a${at}` })) } }],
      [{ source: "s", target: "n" }],
    ),
  ],
  [
    "nodes of one id",
    graph(
      many(9000, () => ({ id: "n", data: { type: "code" } })),
      [],
    ),
  ],
  [
    "ids that cannot be",
    graph(
      many(9000, () => ({ id: "a/b c", data: { type: "code" } })),
      [],
    ),
  ],
])("a file of %s is answered in time", (_, text) => {
  expect(importDify(text).document).not.toBeNull();
});

test("a text of beginnings of references is taken apart in time", () => {
  expect(parseSegments(`{{#${"a.".repeat(20)}`.repeat(50_000))).toHaveLength(1);
  expect(parseSegments("{{#".repeat(500_000))).toHaveLength(1);
});
