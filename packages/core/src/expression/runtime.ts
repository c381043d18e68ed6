import { AppError } from "../base/errors.ts";
import type { Scope } from "./scope.ts";

/** How values print inside text: as JSON, or as Python prints them (files imported from Dify). */
export type Dialect = "native" | "python";

/** Operations one evaluation may cost. About one each for a member read, a call, an element, or 256 characters. */
export const OPERATIONS_MAX = 100_000;
/** Length that one text, and the output in all, may have. A character (a UTF-16 unit) counts as one byte. */
export const BYTES_MAX = 10_000_000;
/** Levels of syntax that may be open at once over all macro calls. Far below what the stack of the host holds. */
const DEPTH_MAX = 1000;

/** Variables of the template itself. A `{% for %}` round, a macro call and a `{% with %}` have a frame each. */
export interface Frame {
  readonly variables: Map<string, unknown>;
  readonly parent: Frame | null;
}

/**
 * The state of one evaluation: its budget, where names are found, and how values print.
 *
 * R1. Every closure that can run more than once charges before it works, so no evaluation outlives its budget.
 * R2. Whatever grows is measured before it is built (`room`), so a limit is an error and never an exhausted heap.
 */
export class Runtime {
  readonly scope: Scope;
  readonly dialect: Dialect;
  readonly bytes: number;
  readonly budget: number;
  operations: number;
  frame: Frame | null = null;
  depth = 0;
  /** Which maps are empty, as far as it was asked. The host counts all keys of a large map to find that out. */
  readonly emptiness = new Map<object, boolean>();
  /** The lists made by this template, which `append` may change. Data from outside is never among them. */
  readonly ownLists = new Set<unknown>();

  constructor(scope: Scope, operations: number, bytes: number, dialect: Dialect) {
    this.scope = scope;
    this.operations = operations;
    this.budget = operations;
    this.bytes = bytes;
    this.dialect = dialect;
  }

  charge(operations: number): void {
    if (!((this.operations -= operations) >= 0)) {
      throw stopped(`it needs more than ${this.budget} operations`);
    }
  }

  /** Asks for room for a text of that length before it is built, and charges for it. */
  room(length: number): void {
    if (!(length <= this.bytes)) throw stopped(`it makes a text longer than ${this.bytes} bytes`);
    this.charge(length >> 8);
  }

  /** Charges for a text that was built from texts already charged for, and holds it to the limit. */
  text(text: string): string {
    this.room(text.length);
    return text;
  }

  enter(levels: number): void {
    if ((this.depth += levels) > DEPTH_MAX) throw stopped("macros call each other too deeply");
  }

  leave(levels: number): void {
    this.depth -= levels;
  }
}

/** A compiled expression: a closure over the closures of its parts. */
export type Run = (rt: Runtime) => unknown;

/**
 * An `EXPRESSION_ERROR` in plain words. Reasons name paths and kinds, never values: a value may be a secret, and
 * errors are stored and shown.
 */
export function failed(reason: string): AppError {
  return new AppError("EXPRESSION_ERROR", { reason });
}

/** An `EXPRESSION_LIMIT` in plain words. */
export function stopped(reason: string): AppError {
  return new AppError("EXPRESSION_LIMIT", { reason });
}
