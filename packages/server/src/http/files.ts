import { AppError, isJsonObject, parseWorkflow, type Json, type JsonObject } from "@weftwork/core";

/**
 * Refuses a workflow that names files: a server must not read its own disk on the word of a caller. The command line
 * puts the text of a file in its place before it publishes. Texts that cannot be read are left to their own problems.
 */
export function refuseFiles(source: string): void {
  const found = fileFindings(source);
  if (found.length === 0) return;
  const errors = found.map(({ detail, pointer, code, line, column }) => ({ detail, pointer, code, line, column }));
  throw new AppError("INVALID_WORKFLOW", { count: errors.length, first: errors[0]!.detail, errors });
}

/** A step that names a file, at its place in the author's text. */
export interface FileFinding {
  readonly detail: string;
  readonly pointer: string;
  readonly code: "file_refused";
  readonly line: number;
  readonly column: number;
}

/** The steps of a workflow that name files. */
export function fileFindings(source: string): readonly FileFinding[] {
  // Most workflows never say the word; they are not parsed a second time.
  if (!source.includes("file")) return [];
  const { documentJson, pointer, locate } = parseWorkflow(source);
  const root = pointer === "" ? documentJson : isJsonObject(documentJson) ? documentJson["workflow"] : null;
  const found: FileFinding[] = [];
  visit(isJsonObject(root) ? root["steps"] : null, `${pointer}/steps`, (at) => {
    const { line, column } = locate(at);
    const detail = `A workflow sent to the API cannot name a file. Put its text under code, or use weft run.`;
    found.push({ detail, pointer: `#${at}`, code: "file_refused", line, column });
  });
  return found;
}

function visit(steps: Json | undefined, pointer: string, report: (pointer: string) => void): void {
  if (!Array.isArray(steps)) return;
  for (const [at, step] of (steps as readonly Json[]).entries()) {
    if (!isJsonObject(step)) continue;
    if (isCode(step) && Object.hasOwn(step, "file")) report(`${pointer}/${at}/file`);
    visit(step["steps"], `${pointer}/${at}/steps`, report);
  }
}

function isCode({ type }: JsonObject): boolean {
  return type === "javascript" || type === "python_script";
}
