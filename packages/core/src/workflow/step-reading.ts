import type { Json } from "../base/json.ts";
import type { Reading } from "./check-fields.ts";
import type { Locator } from "./problems.ts";
import type { Step } from "./workflow.ts";

/** What is shared while the steps of one text are read. */
export interface StepReading extends Reading {
  readonly locator: Locator;
  /** Types of own nodes, accepted with any fields. */
  readonly ownTypes: ReadonlySet<string>;
  /** JSON Pointers of the steps and dependencies read, for problems that are found later. */
  readonly pointers: Map<object, string>;
  stepCount: number;
}

/** What every kind of step has. */
export type StepCommon = Pick<Step, "id" | "title" | "place" | "dependsOn" | "when" | "join" | "onError" | "timeoutMs">;

/** A bare expression as text; a literal stands for itself. */
export function expressionText(value: Json): string | null {
  if (typeof value === "boolean" || typeof value === "number") return String(value);
  return typeof value === "string" ? value : null;
}
