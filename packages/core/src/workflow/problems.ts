import type { Place, Problem } from "./workflow.ts";

/** How many problems are listed. The rest are counted in one last line: nobody reads the two hundredth. */
export const PROBLEMS_MAX = 200;

export interface NewProblem {
  /** Stable, lower case. */
  readonly code: string;
  readonly message: string;
  /** What to write instead, as a sentence. Asked only when the problem is listed, for the search may cost something. */
  readonly suggestion?: string | null | (() => string | null);
  readonly pointer: string;
  /** Left out: where the pointer leads. */
  readonly place?: Place;
  /** Stands at the name of the field and not at its value. */
  readonly atKey?: boolean;
}

export interface Locator {
  /** Place of the value that a JSON Pointer names, or of its nearest ancestor that exists. */
  locate(pointer: string): Place;
  /** The same, but the place of the name that the value is given under. */
  locateKey(pointer: string): Place;
}

/** Collects the problems of one text, at most `PROBLEMS_MAX`. */
export class ProblemList {
  private readonly listed: Problem[] = [];
  private hidden = 0;
  private hiddenError = false;
  private readonly locator: Locator;
  private errorCount = 0;

  constructor(locator: Locator) {
    this.locator = locator;
  }

  get hasErrors(): boolean {
    return this.errorCount > 0;
  }

  /** False when a further problem would only be counted, so that a costly search for one can be left out. */
  get hasRoom(): boolean {
    return this.listed.length < PROBLEMS_MAX;
  }

  error(problem: NewProblem): void {
    this.errorCount++;
    this.add("error", problem);
  }

  warning(problem: NewProblem): void {
    this.add("warning", problem);
  }

  private add(severity: Problem["severity"], problem: NewProblem): void {
    if (!this.hasRoom) {
      this.hidden++;
      this.hiddenError ||= severity === "error";
      return;
    }
    const { code, message, pointer, suggestion = null } = problem;
    const place = problem.place ?? (problem.atKey ? this.locator.locateKey(pointer) : this.locator.locate(pointer));
    this.listed.push({
      severity,
      code,
      message,
      suggestion: typeof suggestion === "function" ? suggestion() : suggestion,
      pointer,
      place,
    });
  }

  /** All problems in the order of the text; the last one says how many more there are, when there are. */
  toArray(): readonly Problem[] {
    const sorted = this.listed.toSorted((a, b) => a.place.line - b.place.line || a.place.column - b.place.column);
    if (this.hidden === 0) return sorted;
    return [
      ...sorted,
      {
        severity: this.hiddenError ? "error" : "warning",
        code: "more_problems",
        message: `and ${this.hidden} more.`,
        suggestion: "Correct the ones above first; many follow from each other.",
        pointer: "",
        place: sorted.at(-1)!.place,
      },
    ];
  }
}

/** One step of a JSON Pointer (RFC 6901). */
export function pointerPart(name: string | number): string {
  return "/" + (typeof name === "number" ? String(name) : name.replaceAll("~", "~0").replaceAll("/", "~1"));
}

/** A value of the author's text, short enough to stand in a message. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, 81)) : summary(value);
  return text.length > 80 ? text.slice(0, 79) + "…" : text;
}

function summary(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "a map";
  return value === undefined ? "nothing" : String(value);
}

/** Names in a row, as a message lists them: `a, b, c, … (12 in all)`. */
export function listed(names: readonly string[], max = 12): string {
  if (names.length <= max) return names.join(", ");
  return `${names.slice(0, max).join(", ")}, … (${names.length} in all)`;
}
