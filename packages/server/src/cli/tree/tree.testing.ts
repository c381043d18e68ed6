import type { WorkflowGraph, RunMessage } from "@weftwork/sdk";
import { bodiesOf, type Bodies } from "./bodies.ts";
import { fold } from "./fold.ts";
import { treeLines } from "./render.ts";
import { treeState, type Nested, type TreeState } from "./state.ts";

export const START = Date.UTC(2026, 0, 1);

/** A graph from `a`, `b < a` (b after a), `each: x, y < x` (a container with steps inside), `sub = inner@` (nested). A step `may…` may fail. */
export function bodies(...lines: readonly string[]): Bodies {
  const nodes: WorkflowGraph["nodes"][number][] = [];
  const edges: WorkflowGraph["edges"][number][] = [];
  const add = (text: string, parent: string | null): void => {
    const [step, nested] = text
      .split("<")[0]!
      .split("=")
      .map((part) => part.trim());
    const id = parent === null ? step! : `${parent}/${step}`;
    const base = {
      title: null,
      when: null,
      on_error: id.startsWith("may") ? "continue" : "fail",
      timeout_ms: null,
    } as const;
    nodes.push({ ...base, id, step: step!, type: "template", kind: "work", parent, nested: nested ?? null });
    for (const from of text.split("<")[1]?.trim().split(/\s+/) ?? []) {
      const source = parent === null ? from : `${parent}/${from}`;
      edges.push({ from: source, to: id, handle: null, order_only: false });
    }
  };
  for (const line of lines) {
    const [outer, inner] = line.split(":");
    add(outer!, null);
    for (const one of inner?.split(",") ?? []) add(one.trim(), outer!.split("<")[0]!.trim());
  }
  return bodiesOf({ nodes, edges });
}

/** A message `ms` after the start: `task_completed each[1] a`. */
export function message(ms: number, words: string, data: RunMessage["data"] = {}): RunMessage {
  const [event, scope, node] = words.split(" ");
  const place = { ...(scope === undefined ? {} : { scope }), ...(node === undefined ? {} : { node }) };
  return { id: "1.1", event: event!, data: { at: new Date(START + ms).toISOString(), ...place, ...data } };
}

/** The state after these messages, of a run that begins with the first moment. */
export function folded(
  graph: Bodies | null,
  messages: readonly RunMessage[],
  nested: ReadonlyMap<string, Nested> = new Map(),
): TreeState {
  const state = treeState({ id: "run_1", workflow: "flow", version: "1.0.0" }, graph, nested);
  const created = message(0, "run_created", { pins: { "inner@": "hash" }, waits: null });
  for (const one of [created, ...messages]) fold(state, one, START);
  return state;
}

/** The drawing without colours, `ms` after the start. */
export function drawn(
  state: TreeState,
  ms: number,
  { columns = 80, rows = 40 }: { readonly columns?: number; readonly rows?: number } = {},
): readonly string[] {
  return treeLines(state, { now: START + ms, columns, rows, frame: 0, style: (_name, text) => text });
}
