import { isJsonObject, type Json, type SwitchStep, type Workflow } from "@weftwork/core";

/** Why something of a Dify file has no native form. */
export class NotNative extends Error {
  override readonly name = "NotNative";
}

const REFERENCE = /\{\{#([A-Za-z0-9_]{1,50}(?:\.[A-Za-z_]\w{0,29}){1,10})#\}\}/g;
/** A native text in which this stands would be read as a template. */
const TEMPLATE = /\{[{%#]/;

type Condition = Exclude<SwitchStep["cases"][number]["when"], string>["conditions"][number];

/** Values and conditions of an imported workflow as native templates and expressions. */
export class NativeValues {
  private readonly workflow: Workflow;

  constructor(workflow: Workflow) {
    this.workflow = workflow;
  }

  /** A value with marks as a native one. */
  native(value: Json): Json {
    if (typeof value === "string") return plainText(value);
    if (Array.isArray(value)) return (value as readonly Json[]).map((item) => this.native(item));
    if (!isJsonObject(value)) return value;
    if (Object.hasOwn(value, "$literal")) return this.native(value["$literal"]!);
    if (Array.isArray(value["$select"])) return `{{ ${this.expression(value["$select"].map(String))} }}`;
    if (typeof value["$text"] === "string") return this.text(value["$text"]);
    if (Object.keys(value).some((name) => name.startsWith("$")))
      throw new NotNative("a value of it has no native form");
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.native(one)]));
  }

  /** A Jinja2 text with its variables set before it. */
  jinja(value: Json): string {
    if (!isJsonObject(value) || typeof value["$jinja"] !== "string") throw new NotNative("its text has no native form");
    const { $jinja: text, variables = {} } = value;
    const set = Object.entries(isJsonObject(variables) ? variables : {}).map(([name, one]) => {
      const selector = isJsonObject(one) ? one["$select"] : null;
      const from = Array.isArray(selector) ? this.expression(selector.map(String)) : "none";
      return `{% set ${name} = ${from} %}`;
    });
    return `${set.join("")}${text}`;
  }

  /** The id of the step that a reference takes whole. */
  wholeStep(selector: readonly string[]): string {
    const expression = this.expression(selector);
    const [, id] = /^steps\["([^"]+)"\]\.output$/.exec(expression) ?? [];
    if (id === undefined) throw new NotNative("it chooses among parts of results, and native ones among whole results");
    return id;
  }

  condition(when: SwitchStep["cases"][number]["when"]): string {
    if (typeof when === "string") return when;
    const parts = when.conditions.map((one) => this.comparison(one));
    return parts.length === 0 ? "false" : parts.map((part) => `(${part})`).join(` ${when.logical} `);
  }

  private comparison({ selector, operator, value, files }: Condition): string {
    const left = this.expression(selector);
    if (files !== null || (typeof value === "string" && value.includes("{{#")))
      throw new NotNative("a condition of it compares with references or files");
    const right = JSON.stringify(value);
    const number = JSON.stringify(Number(value));
    switch (operator) {
      case "contains":
        return `${right} in (${left} or "")`;
      case "not contains":
        return `${right} not in (${left} or "")`;
      case "is":
        return `${left} == ${right}`;
      case "empty":
        return `not ${left}`;
      case "not empty":
        return left;
      case "=":
        return `${left} == ${number}`;
      case ">":
      case "<":
        return `${left} ${operator} ${number}`;
      case "≥":
      case "≤":
        return `${left} ${operator === "≥" ? ">=" : "<="} ${number}`;
      default:
        throw new NotNative(`the operator ${operator} has no native form`);
    }
  }

  private text(template: string): string {
    let at = 0;
    let text = "";
    for (const match of template.matchAll(REFERENCE)) {
      const expression = this.expression(match[1]!.split("."));
      text += `${plainText(template.slice(at, match.index))}{{ ${expression} }}`;
      at = match.index + match[0].length;
    }
    return text + plainText(template.slice(at));
  }

  /** What a reference is in the native language. */
  private expression([node = "", name = "", ...keys]: readonly string[]): string {
    const behind = keys.map((key) => `[${JSON.stringify(key)}]`).join("");
    if (node === "env") {
      if (this.workflow.dify?.secrets.includes(name)) throw new NotNative(`it reads the secret ${name}`);
      return `env[${JSON.stringify(name)}]${behind}`;
    }
    const step = this.workflow.steps.find(({ id }) => id === node);
    if (!step) throw new NotNative(`it reads ${node}.${name}, which is no step of a native workflow`);
    if (step.kind === "start") return `inputs[${JSON.stringify(name)}]${behind}`;
    const output = `steps[${JSON.stringify(node)}].output`;
    if (step.kind === "aggregate") return `${output}${behind}`;
    if (step.kind !== "work") throw new NotNative(`it reads ${name} of ${step.title ?? node}`);
    switch (step.type) {
      case "template":
        return `${output}${behind}`;
      case "python_script":
      case "javascript":
        // A step that was skipped has no output.
        return `(${output} or {})[${JSON.stringify(name)}]${behind}`;
      case "model_inference":
        if (name === (isJsonObject(step.config["schema"]) ? "structured_output" : "text")) return `${output}${behind}`;
        break;
    }
    throw new NotNative(`it reads ${name} of ${step.title ?? node}`);
  }
}

function plainText(text: string): string {
  if (TEMPLATE.test(text)) throw new NotNative("a text of it would be read as a template");
  return text;
}
