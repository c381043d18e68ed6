import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { isJsonObject, type Json, type JsonObject, type ParsedWorkflow, type Problem } from "@weftwork/core";

/** A workflow whose code stands in it. */
export interface WithCode {
  /** The author's text; or, where code was put in, the same document as JSON. */
  readonly source: string;
  /** Code that is not there. A file that is named is an error; one that is only looked for, a warning. */
  readonly problems: readonly Problem[];
}

const EXTENSION: Readonly<Record<string, string>> = { python_script: ".py", javascript: ".js" };

/**
 * Puts the code of files into a workflow, as only the command line may do. `file: clean.py` is read beside the workflow;
 * a code step without `code`, `file` and `image` takes `steps/<id>.py` or `.js` there. Files outside the workflow's own
 * folder are refused: a workflow comes from strangers, and its content is stored and shown.
 */
export function withCodeFiles(source: string, parsed: ParsedWorkflow, path: string): WithCode {
  const folder = dirname(path);
  const problems: Problem[] = [];
  let isChanged = false;

  function steps(value: Json | undefined, pointer: string): Json | undefined {
    if (!Array.isArray(value)) return value;
    return (value as readonly Json[]).map((step, at) =>
      isJsonObject(step) ? withCode(step, `${pointer}/${at}`) : step,
    );
  }

  function withCode(step: JsonObject, pointer: string): JsonObject {
    const inner = steps(step["steps"], `${pointer}/steps`);
    const whole = inner === undefined || inner === step["steps"] ? step : { ...step, steps: inner };
    const extension = Object.hasOwn(EXTENSION, String(step["type"])) ? EXTENSION[String(step["type"])]! : null;
    if (extension === null || Object.hasOwn(step, "code")) return whole;
    const { file: named, id } = step;
    if (typeof named !== "string" && (Object.hasOwn(step, "image") || typeof id !== "string")) return whole;
    const file = typeof named === "string" ? named : join("steps", `${String(id)}${extension}`);
    const code = readBeside(folder, file);
    if (typeof code === "string") {
      isChanged = true;
      const { file: _file, ...rest } = whole;
      return { ...rest, code };
    }
    const at = typeof named === "string" ? `${pointer}/file` : pointer;
    problems.push({
      ...missing(file, String(id), typeof named === "string", code.reason),
      pointer: at,
      place: parsed.locate(at),
    });
    return whole;
  }

  const document = parsed.documentJson;
  const root = parsed.pointer === "" ? document : isJsonObject(document) ? document["workflow"] : null;
  if (!isJsonObject(document) || !isJsonObject(root)) return { source, problems };
  const list = steps(root["steps"], `${parsed.pointer}/steps`);
  if (!isChanged || list === undefined) return { source, problems };
  const changed = { ...root, steps: list };
  return { source: JSON.stringify(parsed.pointer === "" ? changed : { ...document, workflow: changed }), problems };
}

function missing(file: string, id: string, isNamed: boolean, reason: string): Omit<Problem, "pointer" | "place"> {
  if (isNamed) {
    const message = `The code of step ${id} cannot be read: ${file} ${reason}.`;
    return {
      severity: "error",
      code: "missing_file",
      message,
      suggestion: "Correct the path; it starts at the workflow's folder.",
    };
  }
  return {
    severity: "warning",
    code: "missing_code",
    message: `The step ${id} has no code: ${file} ${reason}.`,
    suggestion: `Write ${file} beside the workflow, or give the step code, file or image.`,
  };
}

/** The text of a file below a folder, or why there is none. Links are followed before the place is judged. */
function readBeside(folder: string, file: string): string | { readonly reason: string } {
  const path = join(folder, file);
  if (!existsSync(path)) return { reason: "is not there" };
  const below = relative(realpathSync(folder), realpathSync(path));
  if (below === ".." || below.startsWith(`..${sep}`)) return { reason: "lies outside the workflow's folder" };
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch {
    return { reason: "is not text in UTF-8" };
  }
}
