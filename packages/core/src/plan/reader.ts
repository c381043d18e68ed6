import type { Json, JsonObject } from "../base/json.ts";
import { parseExpression, type Expression, type ExpressionProblem, type Reference } from "../expression/parse.ts";
import { parseValueTemplate, type ValueTemplate } from "../expression/template.ts";
import { selectorsOfTest } from "../dify/conditions/selectors.ts";
import { parseDifyValue, rootOf } from "../dify/values.ts";
import type { Assignment, DifyTest, Selector } from "../workflow/dify-steps.ts";
import type { DifyCheck } from "./plan.ts";
import { pointerPart, PROBLEMS_MAX } from "../workflow/problems.ts";
import type { Place, Problem } from "../workflow/workflow.ts";
import { HIDDEN, readsSecrets, secretMistakes } from "./secrets.ts";

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
  /** The values are those of an imported graph. */
  readonly dify: boolean;
  private readonly place: Place;
  private readonly locate: Locate;

  constructor(pointer: string, place: Place, locate: Locate, problems: Problem[], dify = false) {
    this.dify = dify;
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
    if (readsSecrets(parsed.expression)) {
      const { code, message, suggestion } = HIDDEN;
      this.problem(code, message, suggestion, `${this.pointer}/${field}`);
    }
    return parsed.expression;
  }

  /** `outward`: an executor sends the value outside, so it may have secrets in it. */
  template(field: string, value: Json, kind: ReaderKind = "control", outward = false): ValueTemplate {
    const { template, problems } = this.dify ? parseDifyValue(value) : parseValueTemplate(value);
    for (const { pointer, problem } of problems) this.refuse(field + pointer.map(pointerPart).join(""), problem);
    for (const reference of template.roots) this.reads.push({ reference, kind, pointer: `${this.pointer}/${field}` });
    for (const { pointer, code, message, suggestion } of secretMistakes(field, template, outward))
      this.problem(code, message, suggestion, `${this.pointer}/${field}${pointer.map(pointerPart).join("")}`);
    return template;
  }

  /** Fields of the step as one template, each of them read at its own place; `outward` names those sent outside. */
  fields(values: JsonObject, kind: ReaderKind = "control", outward: readonly string[] = []): ValueTemplate {
    const members = Object.entries(values).map(
      ([name, value]) =>
        [name, this.template(pointerPart(name).slice(1), value, kind, outward.includes(name))] as const,
    );
    if (!this.dify && members.every(([, { constant }]) => constant)) return parseValueTemplate(values).template;
    const parts = members.map(([name, { part }]) => [name, part] as const);
    return {
      roots: members.flatMap(([, { roots }]) => roots),
      constant: false,
      part: { type: "map", members: parts },
    };
  }

  /** Conditions of an imported graph. */
  check(field: string, test: DifyTest): DifyCheck {
    return { test, roots: this.selectors(field, selectorsOfTest(test)) };
  }

  /** Lines of an imported variable assigner: what they read. */
  assignments(field: string, items: readonly Assignment[]): void {
    this.selectors(
      field,
      items.flatMap(({ from }) => (from === null ? [] : [from])),
    );
  }

  private selectors(field: string, selectors: readonly Selector[]): readonly Reference[] {
    const roots = selectors.flatMap((selector) => rootOf(selector) ?? []);
    for (const reference of roots) this.reads.push({ reference, kind: "control", pointer: `${this.pointer}/${field}` });
    return roots;
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
    // A text of an imported graph that cannot be read fails its node when a run comes to it, and nothing before.
    const severity = this.dify ? "warning" : "error";
    this.problem(
      "invalid_expression",
      problem.message,
      problem.suggestion ?? null,
      `${this.pointer}/${field}`,
      severity,
    );
  }
}
