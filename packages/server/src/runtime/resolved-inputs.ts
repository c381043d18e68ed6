import {
  defaultInput,
  payloadsRead,
  renderValueTemplate,
  scopeView,
  type Json,
  type JsonObject,
  type Payload,
  type PlanNode,
  type RunState,
  type ScopeState,
  type ValueTemplate,
} from "@weftwork/core";
import type { TruncatedValue } from "@weftwork/sdk";
import type { Payloads } from "./payloads.ts";

/**
 * What a step works with in this moment of its run: its fields with all templates rendered, and its input where it names
 * none. Derived from what is recorded, never stored. Secrets stand as `***`. Null for a step that has no fields, and
 * where a template fails (the step's own error says how).
 *
 * Values of more than `bytesMax` are not read: the answer says how large they are.
 */
export async function resolvedInputs(
  { payloads, tenant, bytesMax }: { readonly payloads: Payloads; readonly tenant: string; readonly bytesMax: number },
  state: RunState,
  scope: ScopeState,
  node: PlanNode,
): Promise<Json | TruncatedValue> {
  const fields = fieldsOf(node);
  const missing = payloadsRead(scope, stepsRead(node, fields));
  const size = sizeOf(missing);
  if (size > bytesMax) return { truncated: true, size };
  await payloads.load(tenant, missing);
  let value: Json;
  try {
    value = render(state, scope, node, fields);
  } catch {
    return null;
  }
  const text = JSON.stringify(value);
  return text.length > bytesMax ? { truncated: true, size: Buffer.byteLength(text) } : value;
}

function render(state: RunState, scope: ScopeState, node: PlanNode, fields: Fields): Json {
  const view = scopeView(state, scope);
  const rendered = fields.map(([name, template]) => [name, renderValueTemplate(template, view)] as const);
  if (node.kind === "work") {
    const config = { ...(rendered[0]![1] as JsonObject), ...node.rawConfig };
    return Object.hasOwn(config, "input") ? config : { ...config, input: defaultInput(scope, node.defaultInput) };
  }
  if (node.kind === "workflow" && node.inputs === null) return { inputs: defaultInput(scope, node.defaultInput) };
  return rendered.length === 0 ? null : Object.fromEntries(rendered);
}

type Fields = readonly (readonly [string, ValueTemplate])[];

function fieldsOf(node: PlanNode): Fields {
  switch (node.kind) {
    case "work":
      return [["config", node.config]];
    case "for_each":
      return [["items", node.items]];
    case "loop":
      return [["vars", node.vars]];
    case "workflow":
      return node.inputs ? [["inputs", node.inputs]] : [];
    case "approval":
      return [["prompt", node.prompt]];
    case "assign":
      return [["variables", node.variables]];
    case "end":
      return [["value", node.value]];
    case "wait":
      if (node.on.type === "signal") return [];
      return node.on.type === "for" ? [["for", node.on.duration]] : [["until", node.on.time]];
    case "switch":
    case "aggregate":
    case "start":
    case "refuse":
      return [];
  }
}

function stepsRead(node: PlanNode, fields: Fields): readonly string[] {
  if (node.kind === "work") return node.reads;
  const named = fields.flatMap(([, { roots }]) =>
    roots.flatMap(({ path }) => (path[0] === "steps" ? [path[1] ?? ""] : [])),
  );
  return [...named, ...(node.kind === "workflow" ? (node.defaultInput ?? []) : [])];
}

function sizeOf(payloads: readonly Payload[]): number {
  return [...new Set(payloads)].reduce((sum, payload) => sum + payload.size, 0);
}
