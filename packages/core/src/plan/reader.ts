import type { Json, JsonObject } from "../base/json.ts";
import { parseExpression, type Expression, type ExpressionProblem, type Reference } from "../expression/parse.ts";
import { parseValueTemplate, type ValueTemplate } from "../expression/template.ts";
import { pointerPart, PROBLEMS_MAX } from "../workflow/problems.ts";
import type { Place, Problem } from "../workflow/workflow.ts";

/** Who reads a value: a rule of the engine, or an executor. */
export type ReaderKind = "control" | "work";

export interface Read {
  readonly reference: Reference;
  readonly kind: ReaderKind;
  readonly pointer: string;
}

/** Finds a place in the author's text by JSON Pointer; null where the workflow did not come from a text. */
export type Locate = (pointer: string) => Place | null;

/** Parses the texts of one step, and notes every problem and every reference on the way. */
export class StepReader {
  readonly reads: Read[] = [];
  readonly problems: Problem[];
  readonly pointer: string;
  private readonly place: Place;
  private readonly locate: Locate;

  constructor(pointer: string, place: Place, locate: Locate, problems: Problem[]) {
    this.pointer = pointer;
    this.place = place;
    this.locate = locate;
    this.problems = problems;
  }

  /** A bare expression; null when there is none, or it has a problem (which is noted). */
  expression(field: string, source: string | null, kind: ReaderKind = "control"): Expression | null {
    if (source === null) return null;
    const parsed = parseExpression(source);
    if (!parsed.ok) {
      this.refuse(field, parsed.problem);
      return null;
    }
    for (const reference of parsed.expression.roots)
      this.reads.push({ reference, kind, pointer: `${this.pointer}/${field}` });
    return parsed.expression;
  }

  template(field: string, value: Json, kind: ReaderKind = "control"): ValueTemplate {
    const { template, problems } = parseValueTemplate(value);
    for (const { pointer, problem } of problems) this.refuse(field + pointer.map(pointerPart).join(""), problem);
    for (const reference of template.roots) this.reads.push({ reference, kind, pointer: `${this.pointer}/${field}` });
    return template;
  }

  /** Fields of the step as one template, each of them read at its own place. */
  fields(values: JsonObject, kind: ReaderKind = "control"): ValueTemplate {
    const members = Object.entries(values).map(
      ([name, value]) => [name, this.template(pointerPart(name).slice(1), value, kind)] as const,
    );
    if (members.every(([, { constant }]) => constant)) return parseValueTemplate(values).template;
    const parts = members.map(([name, { part }]) => [name, part] as const);
    return {
      roots: members.flatMap(([, { roots }]) => roots),
      constant: false,
      part: { type: "map", members: parts },
    };
  }

  problem(
    code: string,
    message: string,
    suggestion: string | null | (() => string | null),
    pointer: string = this.pointer,
    severity: Problem["severity"] = "error",
  ): void {
    // To look for the nearest name costs as much as there are names; past some problems nobody reads it.
    const isRead = this.problems.length < PROBLEMS_MAX;
    const text = typeof suggestion === "function" ? (isRead ? suggestion() : null) : suggestion;
    this.problems.push({
      severity,
      code,
      message,
      suggestion: text,
      pointer,
      place: this.locate(pointer) ?? this.place,
    });
  }

  private refuse(field: string, problem: ExpressionProblem): void {
    this.problem("invalid_expression", problem.message, problem.suggestion ?? null, `${this.pointer}/${field}`);
  }
}
