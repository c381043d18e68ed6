import {
  isJsonObject,
  rootsOf,
  type Dependency,
  type Json,
  type JsonObject,
  type Step,
  type Workflow,
} from "@weftwork/core";
import { yamlText } from "../testkit/yaml-text.ts";
import { NativeValues, NotNative } from "./native-values.ts";

/** A native workflow as text, or what of the file cannot be said in the native language. */
export type NativeText = { readonly text: string } | { readonly left: readonly string[] };

/**
 * The workflow of a Dify file in the native language: starts, ends, templates, code, plain prompts, choices and
 * aggregators. What has rules of Dify's own (conversations, iterations, requests) is named and nothing is written.
 */
export function nativeYaml(workflow: Workflow): NativeText {
  const left: string[] = [];
  if (workflow.dify?.mode === "advanced-chat") left.push("a conversation: its messages, variables and answers");
  if (rootsOf(workflow.steps).length > 1) left.push("several triggers: a native workflow begins in one way");
  const values = new NativeValues(workflow);
  const steps: JsonObject[] = [];
  const outputs: Record<string, Json> = {};
  for (const step of workflow.steps) {
    try {
      if (step.kind === "start") continue;
      if (step.kind === "end") addOutputs(outputs, step, values);
      else steps.push(nativeStep(step, workflow, values));
    } catch (error) {
      if (!(error instanceof NotNative)) throw error;
      left.push(`${step.title ?? step.id} (${step.id}): ${error.message}`);
    }
  }
  if (steps.length === 0 && left.length === 0) left.push("it has no steps between its start and its end");
  if (left.length > 0) return { left };
  const secrets = workflow.dify?.secrets ?? [];
  const env = Object.fromEntries(Object.entries(workflow.env).filter(([name]) => !secrets.includes(name)));
  const native: JsonObject = {
    name: workflow.name,
    ...(workflow.description === null ? {} : { description: workflow.description }),
    ...(workflow.inputs === null ? {} : { inputs: numbersAlone(workflow.inputs) }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
    steps,
    ...(Object.keys(outputs).length === 0 ? {} : { outputs }),
  };
  return { text: `${yamlText(native, 0).trim()}\n` };
}

/** A form takes a number as text as well; a native input is the number itself. */
function numbersAlone(schema: JsonObject): JsonObject {
  const { properties } = schema;
  if (!isJsonObject(properties)) return schema;
  const alone = Object.entries(properties).map(([name, property]): [string, Json] => {
    const types = isJsonObject(property) ? property["type"] : null;
    if (!isJsonObject(property) || !Array.isArray(types) || !types.includes("number")) return [name, property];
    return [name, { ...property, type: (types as readonly Json[]).filter((type) => type !== "string") }];
  });
  return { ...schema, properties: Object.fromEntries(alone) };
}

function addOutputs(outputs: Record<string, Json>, step: Step & { kind: "end" }, values: NativeValues): void {
  if (!isJsonObject(step.value)) return;
  for (const [name, value] of Object.entries(step.value)) {
    if (Object.hasOwn(outputs, name)) throw new NotNative(`two ends give ${name}; native outputs have one value`);
    outputs[name] = values.native(value);
  }
}

function nativeStep(step: Step, workflow: Workflow, values: NativeValues): JsonObject {
  const starts = new Set(workflow.steps.flatMap(({ kind, id }) => (kind === "start" ? [id] : [])));
  const after = (step.dependsOn ?? []).filter(({ step: id }) => !starts.has(id)).map(edgeOf);
  const shared: JsonObject = {
    id: step.id,
    ...(step.title === null ? {} : { title: step.title }),
    ...(after.length === 0 ? {} : { depends_on: after }),
    ...onErrorOf(step),
  };
  switch (step.kind) {
    case "switch": {
      const cases = step.cases.map(({ name, when }) => ({ name, when: values.condition(when) }));
      return { ...shared, type: "switch", cases, ...(step.default === null ? {} : { default: step.default }) };
    }
    case "aggregate": {
      const from = firstSteps(step.value ?? null, values);
      return { ...shared, type: "aggregate", from, mode: "first" };
    }
    case "work":
      return { ...shared, ...workFields(step, values), ...retryOf(step) };
    default:
      throw new NotNative(`steps of type ${step.kind} keep rules of Dify's own`);
  }
}

function edgeOf({ step, handle }: Dependency): string {
  return handle === null ? step : `${step}.${handle}`;
}

function onErrorOf({ onError }: Step): JsonObject {
  if (onError.type === "default") throw new NotNative("its default value says what failed, which native steps do not");
  return onError.type === "fail" ? {} : { on_error: onError.type };
}

function retryOf({ retry }: Step & { kind: "work" }): JsonObject {
  if (retry === null) return {};
  const { attempts, initialMs } = retry;
  return { retry: { attempts, backoff: "fixed", ...(attempts > 1 ? { initial: `${initialMs}ms` } : {}) } };
}

function workFields({ type, config }: Step & { kind: "work" }, values: NativeValues): JsonObject {
  switch (type) {
    case "template":
      return { type, template: values.jinja(config["template"] ?? "") };
    case "python_script":
    case "javascript":
      return { type, code: config["code"] ?? "", inputs: values.native(config["inputs"] ?? {}) };
    case "model_inference": {
      if (["memory", "vision", "context", "prompt"].some((name) => isJsonObject(config[name])))
        throw new NotNative("its prompt has memory, files or a context");
      const messages = config["messages"];
      if (!Array.isArray(messages)) throw new NotNative("its prompt is not a list of messages");
      const said = (messages as readonly JsonObject[]).map(({ role, content }) => ({
        role: role ?? "user",
        content: values.native(content ?? ""),
      }));
      const schema = config["schema"];
      const params = values.native(config["params"] ?? {});
      return {
        type,
        ...(config["model"] === "" ? {} : { model: config["model"] ?? "" }),
        messages: said,
        ...(isJsonObject(params) && Object.keys(params).length > 0 ? { params } : {}),
        ...(isJsonObject(schema) ? { schema } : {}),
      };
    }
    default:
      throw new NotNative(`steps of type ${type} keep rules of Dify's own`);
  }
}

/** The steps whose values an aggregator chooses from: native ones take what a step gives as a whole. */
function firstSteps(value: Json, values: NativeValues): readonly string[] {
  const first = isJsonObject(value) && isJsonObject(value["output"]) ? value["output"]["$first"] : null;
  if (!Array.isArray(first)) throw new NotNative("its groups have no native form");
  return (first as readonly (readonly string[])[]).map((selector) => values.wholeStep(selector));
}
