import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { DifyCondition, DifyTest, FileCondition, HumanRules } from "../../workflow/dify-steps.ts";
import { OPERATORS } from "../conditions/operators.ts";
import { readSelector } from "../graph.ts";
import { mapsAt, member, numberAt, textAt, textOf } from "../read.ts";
import { text } from "../values.ts";
import { shownNode, type Mapper, type Mapping } from "./mapping.ts";

/** Nodes that choose where the run goes on. */

/** Cases in order, `false` when none holds. Old files have the conditions at the node itself, as the case `true`. */
export const ifElse: Mapper = (mapping) => {
  const { common, data, node } = mapping;
  const listed = mapsAt(data, "cases");
  const cases = listed.length > 0 ? listed : [{ map: { ...data, case_id: "true" } as JsonObject, at: -1 }];
  const { place } = common;
  return {
    step: {
      ...common,
      kind: "switch",
      cases: cases.map(({ map, at }) => ({
        name: textAt(map, "case_id") || textAt(map, "id") || "true",
        when: readTest(mapping, map, "conditions", at < 0 ? "/data" : `/data/cases/${at}`),
        place,
      })),
      default: "false",
    },
    ...(cases.length === 0 ? { about: `${shownNode(node)} has no cases.` } : {}),
  };
};

/** Conditions of a case, or of a loop's end. An operator that does not exist is a problem of the file. */
export function readTest(mapping: Mapping, map: JsonObject, key: string, pointer: string): DifyTest {
  return {
    logical: textAt(map, "logical_operator") === "or" ? "or" : "and",
    conditions: mapsAt(map, key).map(({ map: condition, at }) =>
      readCondition(mapping, condition, `${mapping.node.pointer}${pointer}/${key}/${at}`),
    ),
  };
}

function readCondition(mapping: Mapping, map: JsonObject, pointer: string): DifyCondition {
  const operator = operatorOf(mapping, map, pointer);
  const sub = member(map, "sub_variable_condition");
  const selector = readSelector(mapping.graph, member(map, "variable_selector"));
  if (selector === null) {
    mapping.problems.warning({
      code: "missing_selector",
      message: `A condition of ${shownNode(mapping.node)} names no variable.`,
      suggestion: "Choose a variable for it; without one the node fails.",
      pointer,
    });
  }
  return {
    selector: selector ?? ["", ""],
    operator,
    value: member(map, "value"),
    files: isJsonObject(sub)
      ? {
          logical: textAt(sub, "logical_operator") === "or" ? "or" : "and",
          conditions: mapsAt(sub, "conditions").map(({ map: one, at }) => ({
            ...fileConditionOf(one),
            operator: operatorOf(mapping, one, `${pointer}/sub_variable_condition/conditions/${at}`),
          })),
        }
      : null,
  };
}

export function fileConditionOf(map: JsonObject): FileCondition {
  return { key: textAt(map, "key"), operator: textAt(map, "comparison_operator"), value: member(map, "value") };
}

function operatorOf({ problems, node }: Mapping, map: JsonObject, pointer: string): string {
  const operator = textOf(member(map, "comparison_operator")) ?? "";
  if (Object.hasOwn(OPERATORS, operator)) return operator;
  problems.error({
    code: "unknown_operator",
    message: `A condition of ${shownNode(node)} compares by ${JSON.stringify(operator)}, and there is no such operator.`,
    suggestion: `Operators: ${Object.keys(OPERATORS).join(", ")}.`,
    pointer: `${pointer}/comparison_operator`,
  });
  return operator;
}

/** Hours that people have when the node names none. */
const HOURS_DEFAULT = 36;

/** Asks people. Its handles are the ids of its actions, and `timeout`. */
export const humanInput: Mapper = (mapping) => {
  const { common, data, problems, node } = mapping;
  const actions = mapsAt(data, "user_actions").map(({ map }) => ({
    id: textAt(map, "id"),
    title: textAt(map, "title"),
    style: textAt(map, "button_style", "default"),
  }));
  const inputs = mapsAt(data, "inputs").map(({ map, at }) => {
    const type = textAt(map, "type");
    return { map, at, input: { ...map, type: type === "text-input" ? "paragraph" : type } };
  });
  const refuseDoubles = (names: readonly string[], what: string, key: string, field: string): void => {
    const seen = new Set<string>();
    for (const [at, name] of names.entries()) {
      if (!seen.has(name)) {
        seen.add(name);
        continue;
      }
      problems.error({
        code: "duplicate_id",
        message: `${shownNode(node)} has two ${what} called ${JSON.stringify(name)}.`,
        suggestion: "Give each a name of its own.",
        pointer: `${node.pointer}/data/${key}/${at}/${field}`,
      });
    }
  };
  const ids = mapsAt(data, "user_actions").map(({ map }) => textAt(map, "id"));
  refuseDoubles(ids, "actions", "user_actions", "id");
  const names = inputs.map(({ map }) => textAt(map, "output_variable_name"));
  refuseDoubles(names, "inputs", "inputs", "output_variable_name");
  const hours = (numberAt(data, "timeout") ?? HOURS_DEFAULT) * (textAt(data, "timeout_unit") === "day" ? 24 : 1);
  const rules: HumanRules = {
    actions,
    inputs: inputs.map(({ input }) => input),
    delivery: mapsAt(data, "delivery_methods").map(({ map }) => map),
  };
  return {
    step: {
      ...common,
      timeoutMs: Math.max(1, Math.round(hours * 3_600_000)),
      kind: "approval",
      approvalTitle: text(textAt(data, "form_content")),
      form: null,
      assignees: null,
      dify: rules,
    },
  };
};
