import { parseWorkflow, type Plan, type Problem } from "@weftwork/core";
import type { Weft } from "../weft.ts";
import { withCodeFiles } from "./code-files.ts";
import { readText } from "./text-files.ts";

/** A workflow file, read and checked. */
export interface WorkflowFile {
  readonly path: string;
  /** What is published: the text, with the code of its files in it. */
  readonly source: string;
  readonly problems: readonly Problem[];
  /** Null when a problem is an error. */
  readonly plan: Plan | null;
  readonly unavailable: readonly { readonly step: string; readonly type: string; readonly reason: string }[];
}

/** Reads and checks a workflow file. Everything wrong with it is in `problems`, at its place in the author's text. */
export function readWorkflowFile(weft: Weft, path: string): WorkflowFile {
  const text = readText(path);
  const checked = weft.workflows.validate(text);
  const code = withCodeFiles(text, parseWorkflow(text), path);
  const problems = [...checked.problems, ...code.problems].toSorted(
    (a, b) => a.place.line - b.place.line || a.place.column - b.place.column,
  );
  const isWrong = problems.some((problem) => problem.severity === "error");
  if (isWrong) return { path, source: code.source, problems, plan: null, unavailable: [] };
  // What can run is judged with the code of the files in it.
  const { plan, unavailable } = code.source === text ? checked : weft.workflows.validate(code.source);
  return { path, source: code.source, problems, plan, unavailable };
}
