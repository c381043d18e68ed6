/**
 * Writes the parts of the documentation that are tables of the code: `node scripts/docs.ts`.
 * They stand between `<!-- begin NAME -->` and `<!-- end NAME -->`; a test holds them equal to the code.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { ERRORS } from "../packages/core/src/base/errors.ts";
import { NODE_SUPPORT } from "../packages/core/src/dify/support.ts";
import {
  COMMON_FIELDS,
  CONTROL_TYPE_FIELDS,
  WORK_FIELDS,
  WORK_TYPE_FIELDS,
  WORKFLOW_FIELDS,
  type FieldSpec,
  type MapSpec,
  type TypeSpec,
} from "../packages/core/src/workflow/fields.ts";
import { resourceTables, routeTables } from "./api-tables.ts";
import { commandTables, exitTable } from "./command-tables.ts";

/** What the documents take from the code, by document and name. */
export const GENERATED: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
  "docs/language.md": {
    "workflow fields": () => fieldTable(WORKFLOW_FIELDS),
    "common fields": () => fieldTable({ fields: COMMON_FIELDS }),
    "work fields": () => fieldTable({ fields: WORK_FIELDS }),
    "work types": () => types(WORK_TYPE_FIELDS),
    "control types": () => types(CONTROL_TYPE_FIELDS),
  },
  "docs/errors.md": { codes: errorTable },
  "docs/dify.md": { nodes: nodeSupportTable },
  "docs/cli.md": { "exit codes": exitTable, commands: commandTables },
  "docs/api.md": { routes: routeTables, resources: resourceTables },
};

/** The text of a document with its generated parts renewed. Throws when a part has no place in it. */
export function renewed(path: string, text: string): string {
  let result = text;
  for (const [name, write] of Object.entries(GENERATED[path] ?? {})) {
    const begin = `<!-- begin ${name} -->`;
    const end = `<!-- end ${name} -->`;
    const from = result.indexOf(begin);
    const to = result.indexOf(end);
    if (from === -1 || to < from) throw new Error(`${path} has no place for "${name}": write ${begin} and ${end}`);
    result = `${result.slice(0, from + begin.length)}\n\n${write()}\n\n${result.slice(to)}`;
  }
  return result;
}

const SUPPORT = {
  runs: "runs",
  runs_with_difference: "runs with a difference",
  needs_configuration: "needs configuration",
  not_supported: "not supported",
};

function nodeSupportTable(): string {
  const rows = NODE_SUPPORT.map(({ kind, step, support, about }) => {
    const steps = step.split(", ").map((one) => (one === "" ? "" : `\`${one}\``));
    return [`\`${kind}\``, steps.join(", "), SUPPORT[support], about];
  });
  return table(["Node", "Becomes", "Support", "Remarks"], rows);
}

function types(all: Readonly<Record<string, TypeSpec>>): string {
  return Object.entries(all)
    .map(([type, spec]) => `### \`${type}\`\n\n${spec.about}\n\n${fieldTable(spec)}`)
    .join("\n\n");
}

function fieldTable(spec: MapSpec): string {
  const rows = Object.entries(spec.fields).flatMap(([name, field]) => fieldRows(name, field));
  return [table(["Field", "Holds", "Meaning"], rows), ...groups(spec)].join("\n\n");
}

function fieldRows(name: string, field: FieldSpec): readonly (readonly string[])[] {
  const row = [`\`${name}\`${field.required ? " (needed)" : ""}`, holds(field), field.about];
  const inner = Object.entries(field.fields?.fields ?? {});
  return [row, ...inner.flatMap(([key, one]) => fieldRows(`${name}.${key}`, one))];
}

function groups(spec: MapSpec): readonly string[] {
  const names = (group: readonly string[]): string => group.map((name) => `\`${name}\``).join(", ");
  return [
    ...(spec.oneOf ?? []).map((group) => `Exactly one of ${names(group)} must be there.`),
    ...(spec.atMostOne ?? []).map((group) => `At most one of ${names(group)} may be there.`),
  ];
}

const KINDS: Readonly<Record<FieldSpec["kind"], string>> = {
  text: "text, with templates",
  name: "text as it stands",
  expression: "expression",
  any: "any value, with templates",
  map: "map",
  schema: "JSON Schema",
  list: "list",
  boolean: "true or false",
  integer: "whole number",
  number: "number",
  duration: "duration",
  choice: "",
  id: "id",
  type: "step type",
  depends_on: "id, handle, or list of them",
  on_error: "word or map",
  steps: "list of steps",
  cases: "list of cases",
  names: "list of names",
  memory: "bytes",
  time: "time (ISO 8601)",
};

function holds(field: FieldSpec): string {
  const { kind, choices, min, max, template, short } = field;
  const what = choices ? choices.map((one) => `\`${one}\``).join(" or ") : KINDS[kind];
  const range = min === undefined || max === undefined ? "" : `, ${min} to ${max.toLocaleString("en")}`;
  return `${what}${range}${template ? ", or a template" : ""}${short ? `, or its \`${short}\` alone` : ""}`;
}

function errorTable(): string {
  const rows = Object.entries(ERRORS).map(([code, { status, retryable, message }]) => [
    `\`${code}\``,
    String(status),
    retryable ? "yes" : "no",
    message,
  ]);
  return table(["Code", "HTTP", "Retryable", "Message"], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

if (import.meta.main) {
  for (const path of Object.keys(GENERATED)) {
    const file = new URL(`../${path}`, import.meta.url);
    const before = readFileSync(file, "utf8");
    const after = renewed(path, before);
    if (after !== before) writeFileSync(file, after);
    console.log(`${path}: ${after === before ? "unchanged" : "written"}`);
  }
}
