import { AppError, isJsonObject, parseWorkflow, type Json, type JsonObject } from "@weftwork/core";

/**
 * Refuses a workflow that names files: a server must not read its own disk on the word of a caller. The command line
 * puts the text of a file in its place before it publishes. Texts that cannot be read are left to their own problems.
 */
export function refuseFiles(source: string): void {
  // Most workflows never say the word; they are not parsed a second time.
  if (!source.includes("file")) return;
  const { documentJson, pointer, locate } = parseWorkflow(source);
  const root = pointer === "" ? documentJson : isJsonObject(documentJson) ? documentJson["workflow"] : null;
  const found: JsonObject[] = [];
  visit(isJsonObject(root) ? root["steps"] : null, `${pointer}/steps`, (at) => {
    const { line, column } = locate(at);
    const detail = `A workflow sent to the API cannot name a file. Put its text under code, or use weft run.`;
    found.push({ detail, pointer: `#${at}`, code: "file_refused", line, column });
  });
  if (found.length === 0) return;
  throw new AppError("INVALID_WORKFLOW", { count: found.length, first: String(found[0]!["detail"]), errors: found });
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
