import type { Json, JsonObject } from "../../base/json.ts";
import type { ProblemList } from "../../workflow/problems.ts";
import type { Selector } from "../../workflow/dify-steps.ts";
import type { OnError, RetryPolicy, Step, WorkStep } from "../../workflow/workflow.ts";
import { readSelector, type DifyGraph, type DifyNode } from "../graph.ts";
import { flagAt, mapAt, mapsAt, member, newMap, numberAt, textAt } from "../read.ts";
import type { Need } from "../report.ts";
import type { Support } from "../support.ts";
import { select } from "../values.ts";

/** What every step has, worked out before its node is mapped. */
export type StepCommon = Pick<Step, "id" | "title" | "place" | "dependsOn" | "when" | "join" | "onError" | "timeoutMs">;

/** What a node becomes. */
export interface Mapped {
  readonly step: Step;
  /** Left out: nothing. */
  readonly needs?: readonly Need[];
  /** When this node differs from what is true of its kind. */
  readonly support?: Support;
  readonly about?: string;
}

/** What the mapping of a node can look at. */
export interface Mapping {
  readonly graph: DifyGraph;
  readonly node: DifyNode;
  readonly data: JsonObject;
  readonly common: StepCommon;
  readonly problems: ProblemList;
  /** Whose limits hold. */
  readonly limits: "dify" | null;
  /** Whether the file is a conversation. */
  readonly isChat: boolean;
  /** Type of a variable that may be assigned; null when there is none. */
  typeOf(target: Selector): string | null;
  /** The nodes inside of a container. */
  readonly members: readonly DifyNode[];
  /** The steps of a container's inside. */
  inner(): readonly Step[];
}

export type Mapper = (mapping: Mapping) => Mapped;

/** A selector of the node's data; a problem is noted when it is needed and is none. */
export function selectorAt({ graph, node, data, problems }: Mapping, key: string, needed = true): Selector | null {
  const selector = readSelector(graph, member(data, key));
  if (selector !== null || !needed) return selector;
  problems.warning({
    code: "missing_selector",
    message: `The node ${shownNode(node)} names no variable in ${key}.`,
    suggestion: `Choose a variable for it; without one the node fails.`,
    pointer: `${node.pointer}/data`,
  });
  return null;
}

export function shownNode({ id, title }: DifyNode): string {
  return title === null ? JSON.stringify(id) : `${JSON.stringify(title)} (${id})`;
}

/** A step of work, with the node's retries. Its executor sees `dialect: dify`. */
export function workStep(
  { common, data, limits }: Mapping,
  type: string,
  config: JsonObject,
  more: Pick<WorkStep, "handleFrom" | "resultAs"> = {},
): WorkStep {
  return {
    ...common,
    kind: "work",
    type,
    config: { dialect: "dify", ...(limits === null ? {} : { limits }), ...config },
    retry: retryOf(data),
    pool: null,
    priority: null,
    resources: null,
    cacheTtlMs: null,
    seed: null,
    idempotent: null,
    ...more,
  };
}

/** Every failure is tried again after the same pause; without retries there is one attempt. */
function retryOf(data: JsonObject): RetryPolicy {
  const config = mapAt(data, "retry_config");
  const retries = flagAt(config, "retry_enabled") ? Math.min(99, Math.max(0, numberAt(config, "max_retries") ?? 0)) : 0;
  const pause = Math.max(0, Math.round(numberAt(config, "retry_interval") ?? 1000));
  return { attempts: 1 + Math.trunc(retries), backoff: "fixed", initialMs: pause, maxMs: pause, on: ["*"] };
}

/** Variables by name, as code and templates are given them. */
export function variablesAt(
  { graph }: Mapping,
  data: JsonObject,
  key: string,
  missing: "null" | "fail" = "null",
): JsonObject {
  const variables = newMap();
  for (const { map } of mapsAt(data, key)) {
    const selector = readSelector(graph, member(map, "value_selector"));
    const name = textAt(map, "variable");
    if (name !== "") variables[name] = selector === null ? null : select(selector, missing);
  }
  return variables;
}

/** What follows when the node fails. */
export function onErrorOf({ data }: Pick<DifyNode, "data">): OnError {
  switch (textAt(data, "error_strategy")) {
    case "fail-branch":
      return { type: "branch" };
    case "default-value":
      return { type: "default", value: defaultsOf(data) };
    default:
      return { type: "fail" };
  }
}

function defaultsOf(data: JsonObject): JsonObject {
  const values = newMap();
  for (const { map } of mapsAt(data, "default_value")) {
    const type = textAt(map, "type", "string");
    values[textAt(map, "key")] = defaultOf(type, member(map, "value"));
  }
  return values;
}

/** Text stands for the value of another type: a number, or JSON. */
export function defaultOf(type: string, value: Json): Json {
  if (type === "string" || typeof value !== "string") return value;
  if (type === "number") return numberAt({ value }, "value");
  try {
    return JSON.parse(value) as Json;
  } catch {
    return null;
  }
}
