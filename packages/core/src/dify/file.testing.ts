import type { JsonObject } from "../base/json.ts";
import type { Step, WorkStep } from "../workflow/workflow.ts";
import { importDify, type ImportOptions } from "./import.ts";

/** Files of one node, for tests. */

/** A file with a start, an end, and one node between them. */
export const file = (data: string, more = ""): string => `
app: {name: Über app 7, mode: workflow}
kind: app
version: 0.6.0
workflow:
  ${more}
  graph:
    nodes:
      - id: s
        type: custom
        data: {type: start, title: Start, variables: []}
      - id: n
        type: custom
        data: ${data.replaceAll(/\n\s*/g, " ")}
      - id: e
        type: custom
        data: {type: end, title: End, outputs: []}
    edges:
      - {source: s, target: n}
      - {source: n, target: e}
`;

export function stepOf(data: string, options: ImportOptions = {}, more = ""): Step {
  const { workflow, problems } = importDify(file(data, more), options);
  if (workflow === null) throw new Error(JSON.stringify(problems));
  return workflow.steps.find(({ id }) => id === "n")!;
}
export const configOf = (data: string, options: ImportOptions = {}): JsonObject =>
  (stepOf(data, options) as WorkStep).config;
