import type { Json } from "../../base/json.ts";
import type { Assignment, Selector } from "../../workflow/dify-steps.ts";
import { readSelector } from "../graph.ts";
import { flagAt, mapsAt, member, newMap, numberAt, textAt, textOf } from "../read.ts";
import { select } from "../values.ts";
import { readTest } from "./branch.ts";
import { defaultOf, selectorAt, shownNode, type Mapper, type Mapping } from "./mapping.ts";
import { literal } from "../values.ts";

/** Nodes that hold other nodes, and the assigner that changes variables in them. */

const ITEM_ERRORS: ReadonlyMap<string, "null" | "drop"> = new Map([
  ["continue-on-error", "null"],
  ["remove-abnormal-output", "drop"],
]);

export const iteration: Mapper = (mapping) => {
  const { common, data, graph } = mapping;
  const items = selectorAt(mapping, "iterator_selector");
  const collect = readSelector(graph, member(data, "output_selector"));
  const mode = textAt(data, "error_handle_mode");
  const parallel = Math.trunc(numberAt(data, "parallel_nums") ?? 10);
  return {
    step: {
      ...common,
      kind: "for_each",
      items: items === null ? null : select(items, "fail"),
      steps: mapping.inner(),
      collect: collect === null ? literal(null) : select(collect, "null"),
      concurrency: flagAt(data, "is_parallel") ? Math.min(1000, Math.max(1, parallel)) : 1,
      onItemError: ITEM_ERRORS.get(mode) ?? "fail",
      dify: { flatten: flagAt(data, "flatten_output", true) },
    },
  };
};

export const loop: Mapper = (mapping) => {
  const { common, data, graph } = mapping;
  const vars = newMap();
  for (const { map } of mapsAt(data, "loop_variables")) {
    const value = member(map, "value");
    const isVariable = textAt(map, "value_type") === "variable";
    const selector = isVariable ? readSelector(graph, value) : null;
    vars[textAt(map, "label")] = isVariable
      ? selector === null
        ? null
        : select(selector, "fail")
      : literal(loopStart(textAt(map, "var_type", "string"), value));
  }
  const steps = mapping.inner();
  const ends = mapping.members.filter(({ kind }) => kind === "loop-end");
  return {
    step: {
      ...common,
      kind: "loop",
      steps,
      vars,
      until:
        mapsAt(data, "break_conditions").length === 0 ? null : readTest(mapping, data, "break_conditions", "/data"),
      maxIterations: Math.max(1, Math.trunc(numberAt(data, "loop_count") ?? 1)),
      collect: null,
      dify: { ends: ends.map(({ stepId }) => stepId) },
    },
  };
};

/** A start value: text may stand for a number, a boolean or JSON. */
function loopStart(type: string, value: Json): Json {
  if (type === "boolean" && typeof value === "string") return value.toLowerCase() === "true";
  return defaultOf(type, value);
}

/** Sets variables. The second version has a list of lines, the first a single one. */
export const assigner: Mapper = (mapping) => {
  const { common, data } = mapping;
  const items = Array.isArray(member(data, "items"))
    ? mapsAt(data, "items").flatMap(({ map, at }) => {
        const target = readSelector(mapping.graph, member(map, "variable_selector"));
        const isVariable = textAt(map, "input_type", "variable") === "variable";
        const from = isVariable ? readSelector(mapping.graph, member(map, "value")) : null;
        const type = target === null ? null : assignable(mapping, target, `/data/items/${at}/variable_selector`);
        if (target === null || type === null) return [];
        const operation = textAt(map, "operation", "over-write");
        return [assignment(target, type, operation, from, isVariable ? null : member(map, "value"))];
      })
    : firstVersion(mapping);
  return { step: { ...common, kind: "assign", variables: {}, dify: items } };
};

function firstVersion(mapping: Mapping): readonly Assignment[] {
  const { graph, data } = mapping;
  const target = selectorAt(mapping, "assigned_variable_selector");
  const type = target === null ? null : assignable(mapping, target, "/data/assigned_variable_selector");
  if (target === null || type === null) return [];
  const operation = textOf(member(data, "write_mode")) ?? "over-write";
  const from = operation === "clear" ? null : readSelector(graph, member(data, "input_variable_selector"));
  return [assignment(target, type, operation, from, null)];
}

/** Operations that take nothing. */
const WITHOUT_INPUT: ReadonlySet<string> = new Set(["clear", "remove-first", "remove-last"]);

function assignment(
  target: Selector,
  targetType: string,
  operation: string,
  from: Selector | null,
  constant: Json,
): Assignment {
  const bare = WITHOUT_INPUT.has(operation);
  return { target, targetType, operation, from: bare ? null : from, constant: bare ? null : constant };
}

function assignable({ typeOf, problems, node }: Mapping, target: Selector, pointer: string): string | null {
  const type = typeOf(target);
  if (type !== null) return type;
  problems.error({
    code: "unknown_variable",
    message: `${shownNode(node)} sets ${target.join(".")}, and there is no such variable of the conversation or of a loop around it.`,
    suggestion: "Declare it, or choose another.",
    pointer: node.pointer + pointer,
  });
  return null;
}
