import type { Json } from "../base/json.ts";
import { findWorkflow, readWorkflow } from "./read-workflow.ts";
import type { StepReading } from "./step-reading.ts";
import { checkSteps } from "./validate.ts";
import type { Place, Problem, Workflow } from "./workflow.ts";
import { readYaml } from "./yaml-document.ts";

export interface ParseOptions {
  /** Types of own nodes; a step of such a type may have any fields. */
  readonly ownTypes?: ReadonlySet<string>;
  /** Longest text in bytes of UTF-8; 10 MB when left out. */
  readonly bytesMax?: number;
}

export interface ParsedWorkflow {
  /** Null when any problem is an error. */
  readonly workflow: Workflow | null;
  /** In the order of the text, at most 200 and a last line that counts the rest. */
  readonly problems: readonly Problem[];
  /** The plain data of the document, aliases written out; null when the text cannot be read. For content hashes. */
  readonly documentJson: Json;
  /** JSON Pointer of the workflow's own map in the document: `/workflow`, or nothing when its fields are at the top. */
  readonly pointer: string;
  /** Line and column of the value that a JSON Pointer names, or of its nearest ancestor that exists. */
  locate(pointer: string): Place;
}

/**
 * Reads a workflow from YAML or JSON text. Never throws: everything wrong with the text is listed at once, with its
 * place and a remedy. Templates and expressions are still text; `compile` parses them and finds what they refer to.
 */
export function parseWorkflow(text: string, options: ParseOptions = {}): ParsedWorkflow {
  const { data, locator, problems, suggester } = readYaml(text, options.bytesMax);
  const locate = (pointer: string): Place => locator.locate(pointer);
  const pointers = new Map<object, string>();
  const ownTypes = options.ownTypes ?? new Set<string>();
  const reading: StepReading = { problems, suggester, locator, ownTypes, pointers, stepCount: 0 };
  const found = data === undefined ? null : findWorkflow(data, reading);
  const documentJson = data ?? null;
  if (found === null) return { workflow: null, problems: problems.toArray(), documentJson, pointer: "", locate };
  const workflow = readWorkflow(found.map, found.pointer, reading);
  checkSteps(workflow.steps, { problems, suggester, pointerOf: (part) => pointers.get(part) ?? found.pointer });
  return {
    workflow: problems.hasErrors ? null : workflow,
    problems: problems.toArray(),
    documentJson,
    pointer: found.pointer,
    locate,
  };
}
