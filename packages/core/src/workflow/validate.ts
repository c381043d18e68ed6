import { findCycles, handlesOf } from "./dependencies.ts";
import { listed, pointerPart, ProblemList, shown } from "./problems.ts";
import { Suggester } from "./suggest.ts";
import type { Dependency, Place, Problem, Step, Workflow } from "./workflow.ts";

/** What the checks below need to know of the text that the steps came from. */
export interface StepsOrigin {
  readonly problems: ProblemList;
  readonly suggester: Suggester;
  /** JSON Pointer of a step or dependency. */
  pointerOf(part: object): string;
}

interface Body {
  readonly steps: readonly Step[];
  readonly byId: ReadonlyMap<string, Step>;
  readonly outer: Body | null;
  /** The step that holds the list; null for the steps of the workflow. */
  readonly holder: Step | null;
}

/**
 * Checks what can only be said of all steps together: ids, dependencies, handles, cycles. For workflows that did not
 * come from a native text; `parseWorkflow` includes these checks.
 */
export function validateWorkflow(workflow: Workflow): readonly Problem[] {
  const pointers = new Map<object, string>();
  const places = new Map<string, Place>();
  const note = (steps: readonly Step[], pointer: string): void => {
    for (const [i, step] of steps.entries()) {
      const at = pointer + pointerPart(i);
      pointers.set(step, at);
      places.set(at, step.place);
      for (const [j, dependency] of (step.dependsOn ?? []).entries()) {
        pointers.set(dependency, `${at}/depends_on/${j}`);
        places.set(`${at}/depends_on/${j}`, dependency.place);
      }
      note(innerSteps(step), at + "/steps");
    }
  };
  note(workflow.steps, "/steps");
  const locate = (pointer: string): Place => {
    for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
      const place = places.get(at);
      if (place) return place;
    }
    return { line: 1, column: 1 };
  };
  const problems = new ProblemList({ locate, locateKey: locate });
  checkSteps(workflow.steps, { problems, suggester: new Suggester(), pointerOf: (part) => pointers.get(part) ?? "" });
  return problems.toArray();
}

/** The same checks on steps that are still being read. */
export function checkSteps(steps: readonly Step[], origin: StepsOrigin): void {
  /** Every step by id, with the step that holds it: for messages about steps of another list. */
  const everywhere = new Map<string, Body>();
  const bodies: Body[] = [];
  const collect = (list: readonly Step[], outer: Body | null, holder: Step | null): void => {
    const byId = new Map<string, Step>();
    for (const step of list) if (!byId.has(step.id)) byId.set(step.id, step);
    const body: Body = { steps: list, byId, outer, holder };
    bodies.push(body);
    for (const step of list) if (!everywhere.has(step.id)) everywhere.set(step.id, body);
    for (const step of list) if (innerSteps(step).length > 0) collect(innerSteps(step), body, step);
  };
  collect(steps, null, null);
  for (const body of bodies) {
    checkIds(body, origin);
    for (const step of body.steps) {
      for (const dependency of step.dependsOn ?? []) checkDependency(step, dependency, body, everywhere, origin);
      if (step.kind === "aggregate") checkAggregate(step, body, origin);
    }
    checkCycles(body, origin);
  }
}

function innerSteps(step: Step): readonly Step[] {
  return step.kind === "for_each" || step.kind === "loop" ? step.steps : [];
}

function checkIds(body: Body, { problems, pointerOf }: StepsOrigin): void {
  for (const step of body.steps) {
    const first = body.byId.get(step.id)!;
    if (first !== step) {
      problems.error({
        code: "duplicate_id",
        message: `Two steps have the id ${shown(step.id)}; line ${first.place.line} has it first.`,
        suggestion: "Give each step an id of its own.",
        pointer: pointerOf(step) + "/id",
      });
    }
    for (let outer = body.outer; outer !== null; outer = outer.outer) {
      const hidden = outer.byId.get(step.id);
      if (!hidden) continue;
      problems.error({
        code: "shadowed_step",
        message: `The inner step ${shown(step.id)} hides the outer step of the same id in line ${hidden.place.line}.`,
        suggestion: "Give the inner step another id.",
        pointer: pointerOf(step) + "/id",
      });
      break;
    }
  }
}

function checkDependency(
  step: Step,
  dependency: Dependency,
  body: Body,
  everywhere: ReadonlyMap<string, Body>,
  origin: StepsOrigin,
): void {
  const { problems, suggester } = origin;
  const pointer = origin.pointerOf(dependency);
  if (dependency.step === step.id) {
    problems.error({
      code: "cycle",
      message: `Step ${step.id} depends on itself.`,
      suggestion: "Remove it from its depends_on.",
      pointer,
    });
    return;
  }
  const target = body.byId.get(dependency.step);
  if (target) return checkHandle(target, dependency, pointer, origin);
  const elsewhere = everywhere.get(dependency.step);
  if (!elsewhere) {
    problems.error({
      code: "unknown_step",
      message: `There is no step ${shown(dependency.step)}.`,
      suggestion: () => suggester.didYouMean(dependency.step, candidates(body, step)),
      pointer,
    });
    return;
  }
  problems.error(
    isOuter(elsewhere, body)
      ? {
          code: "step_outside",
          message: `Step ${dependency.step} is outside of the list that ${step.id} stands in; depends_on names steps of the same list.`,
          suggestion: `Outer steps that ${step.id} refers to are done before: put ${dependency.step} into depends_on of ${body.holder!.id}.`,
          pointer,
        }
      : {
          code: "step_inside",
          message: `Step ${dependency.step} is inside of ${elsewhere.holder!.id}; depends_on names steps of the same list.`,
          suggestion: body.byId.has(elsewhere.holder!.id)
            ? `Depend on ${elsewhere.holder!.id}, which ends when its steps have.`
            : "Depend on the step that holds it.",
          pointer,
        },
  );
}

function isOuter(candidate: Body, body: Body): boolean {
  for (let outer = body.outer; outer !== null; outer = outer.outer) if (outer === candidate) return true;
  return false;
}

function* candidates(body: Body, besides: Step): Iterable<string> {
  for (const id of body.byId.keys()) if (id !== besides.id) yield id;
}

function checkHandle(
  target: Step,
  dependency: Dependency,
  pointer: string,
  { problems, suggester }: StepsOrigin,
): void {
  const { handle } = dependency;
  if (handle === null) return;
  if (target.kind === "work" && target.type === "") return; // Its type is unknown, so are its handles.
  const handles = handlesOf(target);
  if (handles.includes(handle)) {
    if (handle === "timeout" && target.kind !== "switch" && target.timeoutMs === null) {
      problems.warning({
        code: "unused_handle",
        message: `${target.id}.timeout is never taken: step ${target.id} has no timeout.`,
        suggestion: `Set timeout on ${target.id}.`,
        pointer,
      });
    }
    return;
  }
  problems.error({
    code: "unknown_handle",
    message:
      handle === "error"
        ? `Step ${target.id} has the handle error only with on_error: branch.`
        : handles.length === 0
          ? `Step ${target.id} has no handles, and none named ${shown(handle)}.`
          : `Step ${target.id} has no handle ${shown(handle)}; it has ${listed(handles)}.`,
    suggestion: () =>
      handle === "error"
        ? `Add on_error: branch to ${target.id}.`
        : (suggester.didYouMean(handle, handles) ??
          (handles.length === 0 ? `Write ${target.id}, without a handle.` : null)),
    pointer,
  });
}

function checkAggregate(step: Step & { readonly kind: "aggregate" }, body: Body, origin: StepsOrigin): void {
  const { problems, suggester } = origin;
  const seen = new Set<string>();
  for (const id of step.from) {
    const pointer = origin.pointerOf(step) + "/from";
    if (seen.has(id)) {
      problems.error({
        code: "duplicate_dependency",
        message: `from lists ${shown(id)} twice.`,
        suggestion: "Remove one.",
        pointer,
      });
    } else if (id === step.id || !body.byId.has(id)) {
      problems.error({
        code: id === step.id ? "cycle" : "unknown_step",
        message:
          id === step.id ? `Step ${id} aggregates itself.` : `There is no step ${shown(id)} in the list of ${step.id}.`,
        suggestion: () => suggester.didYouMean(id, candidates(body, step)),
        pointer,
      });
    }
    seen.add(id);
  }
}

function checkCycles(body: Body, { problems, pointerOf }: StepsOrigin): void {
  for (const cycle of findCycles(body.steps)) {
    const ids = cycle.map((step) => step.id);
    const last = cycle[cycle.length - 1]!;
    const edge = last.dependsOn!.find((dependency) => dependency.step === ids[0])!;
    problems.error({
      code: "cycle",
      message: `These steps wait for each other: ${listed([...ids, ids[0]!], 20).replaceAll(", ", " → ")}.`,
      suggestion: "Remove one of these dependencies; to repeat steps use a loop.",
      pointer: pointerOf(edge),
    });
  }
}
