import type { Json, JsonObject } from "../base/json.ts";
import { ResponseOrder, type ResponseChunk } from "./dify-response.ts";
import { evolve } from "./evolve.ts";
import { World, type Call, type WorldOptions } from "./run.testing.ts";
import { initialState } from "./state.ts";

/** Imported graphs in few words, for tests. */

export type Node = readonly [id: string, type: string, data?: object, parent?: string];

/** A file out of nodes and edges (`a>b`, `a:handle>b`). The first node is the start of most. */
export function app(nodes: readonly Node[], edges: string, more: object = {}, mode = "workflow"): string {
  return JSON.stringify({
    app: { name: "test", mode },
    kind: "app",
    version: "0.6.0",
    workflow: {
      ...more,
      graph: {
        nodes: nodes.map(([id, type, data = {}, parentId]) => ({
          id,
          type: "custom",
          data: { type, title: id, ...data },
          ...(parentId === undefined ? {} : { parentId }),
        })),
        edges: edges.split(/\s+/).map((edge) => {
          const [, source, sourceHandle, target] = /^([^:>]+)(?::([^>]+))?>(.+)$/.exec(edge)!;
          return sourceHandle === undefined ? { source, target } : { source, target, sourceHandle };
        }),
      },
    },
  });
}

export const start: Node = ["s", "start"];
export const end = (outputs: Readonly<Record<string, readonly string[]>>, id = "e"): Node => [
  id,
  "end",
  { outputs: Object.entries(outputs).map(([variable, value_selector]) => ({ variable, value_selector })) },
];
export const code = (id: string, data: object = {}, parent?: string): Node => [
  id,
  "code",
  { code_language: "python3", code: "def main(): ...", variables: [], ...data },
  ...(parent === undefined ? ([] as const) : ([parent] as const)),
];
export const when = (selector: readonly string[], operator: string, value: Json): object => ({
  variable_selector: selector,
  comparison_operator: operator,
  value,
});
export const inputOf = (call: Call, name: string): Json => (call.config["inputs"] as JsonObject)[name] ?? null;

/** A run told as it would be to those who read along: `+x` when x ended, and the texts between. */
export function told(
  text: string,
  options: WorldOptions,
  streams: Readonly<Record<string, readonly string[]>> = {},
): string[] {
  const world = new World(text, options).start().run();
  const state = initialState(world.plan, world.nested);
  const order = new ResponseOrder();
  const lines: string[] = [];
  const say = (chunks: readonly ResponseChunk[]): void => void lines.push(...chunks.map((chunk) => chunk.text));
  for (const event of world.events) {
    if (event.type === "task_completed")
      for (const part of streams[event.node] ?? []) say(order.delta(state, event.scope, event.node, part));
    evolve(state, event);
    say(order.take(state, event));
    if (event.type === "task_completed") lines.push(`+${event.node}`);
  }
  return lines;
}
