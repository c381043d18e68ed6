import { isJsonObject, type JsonObject } from "../base/json.ts";
import { nearest } from "../expression/problem.ts";
import type { StepReader } from "./reader.ts";

/** What a text at some place of a workflow can see. */
export interface Sight {
  /** Steps of the body it stands in. */
  readonly steps: ReadonlyMap<string, { readonly body: number; readonly node: number }>;
  readonly outer: Sight | null;
  /** The container that the body belongs to. */
  readonly container: "for_each" | "loop" | null;
  /** JSON Schema of the workflow's inputs. */
  readonly inputs: JsonObject | null;
  /** The step that reads; it cannot read itself. */
  readonly self: string | null;
}

const ROOTS = ["inputs", "steps", "item", "index", "loop", "vars", "env", "sys", "conversation", "secrets"];
const STEP_MEMBERS = ["output", "status", "error", "usage"];

/** Checks everything a step reads, and returns the ids of the steps among it. */
export function checkReads(reader: StepReader, sight: Sight): string[] {
  const names = new Set<string>();
  if (reader.dify) {
    // A reference of an imported graph may lead nowhere; what that means is the reader's rule when it runs.
    for (const { reference } of reader.reads)
      if (lookUp(sight, reference.path[1]!) === "known") names.add(reference.path[1]!);
    return [...names];
  }
  for (const { reference, pointer } of reader.reads) {
    const [root, first, second] = reference.path;
    switch (root) {
      case "steps":
        if (first === undefined) {
          reader.problem(
            "dynamic_step",
            "the step read here is not named",
            "write steps.ID.output with the id of a step",
            pointer,
          );
        } else if (checkStep(reader, sight, first, second, pointer)) names.add(first);
        break;
      case "inputs":
        if (first !== undefined) checkInput(reader, sight, first, pointer);
        break;
      case "item":
        if (!inside(sight, "for_each"))
          reader.problem("no_item", "item is known only inside a for_each", null, pointer);
        break;
      case "index":
        if (!inside(sight, "for_each") && !inside(sight, "loop"))
          reader.problem("no_item", "index is known only inside a for_each or a loop", null, pointer);
        break;
      case "loop":
        if (!inside(sight, "loop")) reader.problem("no_loop", "loop is known only inside a loop", null, pointer);
        break;
      case "vars":
      case "env":
      case "sys":
      case "conversation":
      case "secrets": // Where they may stand depends on the field; the reader has looked at that.
        break;
      default:
        reader.problem("unknown_name", `${root} is not known here`, () => suggest(root ?? "", ROOTS), pointer);
    }
  }
  return [...names];
}

function checkStep(
  reader: StepReader,
  sight: Sight,
  step: string,
  member: string | undefined,
  pointer: string,
): boolean {
  if (step === sight.self) {
    reader.problem("self_reference", `the step ${step} reads itself`, null, pointer);
    return false;
  }
  const found = lookUp(sight, step);
  if (found === "unknown") {
    reader.problem(
      "unknown_step",
      `there is no step ${step} that can be read here`,
      () => suggestStep(sight, step),
      pointer,
    );
    return false;
  }
  if (found === "around") {
    reader.problem(
      "self_reference",
      `${step} is the step this one stands in; its output is there when it has ended`,
      null,
      pointer,
    );
    return false;
  }
  if (member !== undefined && !STEP_MEMBERS.includes(member)) {
    reader.problem(
      "unknown_member",
      `a step has no ${member}; it has ${STEP_MEMBERS.join(", ")}`,
      () => suggest(member, STEP_MEMBERS) ?? `write steps.${step}.output.${member}`,
      pointer,
    );
  }
  return true;
}

/** The nearest body that has the step counts. `around`: it is a container that the reader stands in. */
function lookUp(sight: Sight, step: string): "known" | "around" | "unknown" {
  for (let at: Sight | null = sight; at !== null; at = at.outer) {
    if (at !== sight && at.self === step) return "around";
    if (at.steps.has(step)) return "known";
  }
  return "unknown";
}

function suggestStep(sight: Sight, step: string): string | null {
  const visible: string[] = [];
  for (let at: Sight | null = sight; at !== null; at = at.outer)
    for (const id of at.steps.keys()) if (id !== at.self) visible.push(id);
  return suggest(step, visible);
}

function checkInput(reader: StepReader, sight: Sight, name: string, pointer: string): void {
  const properties = sight.inputs?.["properties"];
  if (!isJsonObject(properties) || Object.hasOwn(properties, name)) return;
  reader.problem(
    "unknown_input",
    `the inputs declare no ${name}`,
    () => suggest(name, Object.keys(properties)),
    pointer,
    "warning",
  );
}

function inside(sight: Sight, container: "for_each" | "loop"): boolean {
  for (let at: Sight | null = sight; at !== null; at = at.outer) if (at.container === container) return true;
  return false;
}

function suggest(name: string, known: readonly string[]): string | null {
  const found = nearest(name, known);
  return found === undefined ? null : `did you mean ${found}?`;
}
