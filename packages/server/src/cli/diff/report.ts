import type { Json } from "@weftwork/core";
import { say } from "../language.ts";
import { style } from "../terminal.ts";
import type { FieldDifference, StepDifference, WorkflowDifference } from "./compare.ts";
import { diffLines, withContext } from "./lines.ts";

const CONTEXT = 2;

/** A difference for a person: what is new in green with `+`, what is gone in red with `-`, texts line by line. */
export function differenceLines(difference: WorkflowDifference): readonly string[] {
  const { workflow, steps, reordered } = difference;
  return [
    ...(workflow.length === 0 ? [] : [style("bold", say("diff.workflow")), ...workflow.flatMap(fieldLines)]),
    ...steps.flatMap(stepLines),
    ...(reordered ? [style("bold", say("diff.moved"))] : []),
  ];
}

function stepLines({ step, type, change, fields }: StepDifference): readonly string[] {
  const title = style("bold", say(`diff.${change}`, { step, type }));
  if (change === "removed") return [style("red", title)];
  return [title, ...fields.filter(({ field }) => change === "changed" || field !== "type").flatMap(fieldLines)];
}

function fieldLines({ field, before, after }: FieldDifference): readonly string[] {
  const isText = (value: Json | undefined): value is string => typeof value === "string";
  if (isText(before) && isText(after) && `${before}${after}`.includes("\n")) {
    const lines = withContext(diffLines(before, after), CONTEXT);
    return [`  ${field}:`, ...lines.map(({ kind, text }) => `  ${marked(kind, text)}`)];
  }
  return [
    ...(before === undefined ? [] : shown(field, before).map((text) => `  ${marked("removed", text)}`)),
    ...(after === undefined ? [] : shown(field, after).map((text) => `  ${marked("added", text)}`)),
  ];
}

function shown(field: string, value: Json): readonly string[] {
  if (typeof value === "string" && value.includes("\n"))
    return [
      `${field}: |`,
      ...value
        .trimEnd()
        .split("\n")
        .map((line) => `  ${line}`),
    ];
  return [`${field}: ${JSON.stringify(value)}`];
}

function marked(kind: "same" | "added" | "removed", text: string): string {
  if (kind === "same") return style("dim", `  ${text}`);
  return kind === "added" ? style("green", `+ ${text}`) : style("red", `- ${text}`);
}
