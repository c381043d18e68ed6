import type { JsonObject } from "../base/json.ts";
import type { Expression } from "../expression/parse.ts";
import type { Step } from "../workflow/workflow.ts";
import { RAW_FIELDS, type PlanNode } from "./plan.ts";
import type { StepReader } from "./reader.ts";
import { secretsOf } from "./secrets.ts";

/** Where steps go that ask for a graphics processor and name no pool. */
const GPU_POOL = "gpu";

/** What `compile` knows of a node apart from its own fields. */
export type NodeBase = Pick<PlanNode, "index" | "body" | "id" | "step" | "join" | "onError" | "timeoutMs" | "hash"> & {
  readonly outgoing: [];
  readonly incomingTakeable: number;
  readonly readByControl: boolean;
};

/** Parses the texts of a step into a node. Edges, and what depends on them, are filled in by `compile`. */
export function nodeOfStep(
  step: Step,
  base: NodeBase,
  inner: number,
  reader: StepReader,
  outwardFields: (type: string) => readonly string[],
): PlanNode {
  const when = reader.expression("when", step.when);
  const shared = { ...base, when };
  switch (step.kind) {
    case "work": {
      const raw = RAW_FIELDS[step.type] ?? [];
      const entries = Object.entries(step.config);
      const outward = outwardFields(step.type);
      const rawConfig: JsonObject = Object.fromEntries(entries.filter(([field]) => raw.includes(field)));
      const config = reader.fields(
        Object.fromEntries(entries.filter(([field]) => !raw.includes(field))),
        "work",
        outward,
      );
      const { retry, priority, idempotent } = step;
      return {
        ...shared,
        kind: "work",
        type: step.type,
        config,
        rawConfig,
        secrets: secretsOf(config, step.config["url"]),
        defaultInput: null,
        reads: [],
        retry,
        pool: step.pool ?? (step.resources?.gpu ? GPU_POOL : null),
        priority,
        idempotent,
      };
    }
    case "switch": {
      const cases = step.cases.map(({ name, when: text }, i) => ({
        name,
        when:
          typeof text === "string" ? required(reader.expression(`cases/${i}/when`, text)) : reader.check("cases", text),
      }));
      return { ...shared, kind: "switch", type: "switch", cases, default: step.default };
    }
    case "for_each": {
      const { concurrency, onItemError } = step;
      return {
        ...shared,
        kind: "for_each",
        type: "for_each",
        inner,
        items: reader.template("items", step.items),
        collect: null,
        concurrency,
        onItemError,
      };
    }
    case "loop": {
      const vars = reader.template("vars", step.vars);
      return {
        ...shared,
        kind: "loop",
        type: "loop",
        inner,
        vars,
        varNames: Object.keys(step.vars),
        until: null,
        maxIterations: step.maxIterations,
        collect: null,
      };
    }
    case "workflow": {
      const inputs = step.inputs === null ? null : reader.template("inputs", step.inputs);
      return {
        ...shared,
        kind: "workflow",
        type: "workflow",
        nested: nestedKey(step.workflow, step.version),
        inputs,
        defaultInput: null,
      };
    }
    case "approval": {
      const prompt = reader.fields({ title: step.approvalTitle, assignees: step.assignees });
      return { ...shared, kind: "approval", type: "approval", prompt, form: step.form };
    }
    case "wait": {
      const { on } = step;
      switch (on.type) {
        case "signal":
          return { ...shared, kind: "wait", type: "wait", on };
        case "for":
          return {
            ...shared,
            kind: "wait",
            type: "wait",
            on: { type: "for", duration: reader.template("for", on.duration) },
          };
        case "until":
          return {
            ...shared,
            kind: "wait",
            type: "wait",
            on: { type: "until", time: reader.template("until", on.time) },
          };
      }
    }
    // eslint-disable-next-line no-fallthrough -- every way out of the case above returns
    case "aggregate":
      return {
        ...shared,
        kind: "aggregate",
        type: "aggregate",
        from: step.from,
        mode: step.mode,
        value: step.value === undefined ? null : reader.template("value", step.value),
      };
    case "assign":
      reader.assignments("variables", step.dify ?? []);
      return {
        ...shared,
        kind: "assign",
        type: "assign",
        variables: reader.template("variables", step.variables),
        assignments: step.dify ?? null,
      };
    case "start":
      return { ...shared, kind: "start", type: "start", fields: step.fields };
    case "end": {
      const value = reader.template("value", step.value);
      return { ...shared, kind: "end", type: step.gives === "answer" ? "answer" : "end", gives: step.gives, value };
    }
    case "refuse":
      return { ...shared, kind: "refuse", type: step.what, reason: step.reason };
  }
}

/** How the plans of nested workflows are keyed: `name@version`, or `name@` for the newest. */
export function nestedKey(workflow: string, version: string | null): string {
  return `${workflow}@${version ?? ""}`;
}

/** An expression that failed to parse stands in as null until the problems are reported; the plan is never used then. */
function required(expression: Expression | null): Expression {
  return expression as Expression;
}
