import { importIfDify, parseWorkflow, type Json, type Place, type Problem, type Workflow } from "@weftwork/core";

/** A published text, read in whichever language it is written. */
export interface ReadSource {
  /** Null when a problem is an error. */
  readonly workflow: Workflow | null;
  readonly problems: readonly Problem[];
  /** What two texts of the same content have in common. */
  readonly content: Json;
  /** Pointer of the workflow within its document. */
  readonly pointer: string;
  /** Null where steps alone have places. */
  readonly locate: ((pointer: string) => Place) | null;
}

/** Reads a native workflow, or a Dify file as the workflow that it becomes. Runs nothing and fetches nothing. */
export function readSource(source: string, ownTypes: readonly string[]): ReadSource {
  const imported = importIfDify(source);
  if (imported !== null) {
    const { workflow, problems, document } = imported;
    return { workflow, problems, content: { dify: document }, pointer: "", locate: null };
  }
  const parsed = parseWorkflow(source, { ownTypes: new Set(ownTypes) });
  const { workflow, problems, documentJson, pointer } = parsed;
  return { workflow, problems, content: documentJson, pointer, locate: (at) => parsed.locate(at) };
}
