import { AppError } from "../base/errors.ts";
import type { Scope } from "../expression/scope.ts";
import type { Missing, Selector } from "../workflow/dify-steps.ts";
import { renderValue, type Form } from "./render.ts";
import { find, selectorName } from "./selector.ts";

/** A part of a text: characters as written, or a reference. */
export type Segment = string | Selector;

/**
 * A node of 1 to 50 letters, digits and underscores, then one to ten names that begin with a letter or underscore and
 * have at most 30 characters. Whatever is not of this form is plain text.
 */
const REFERENCE = /\{\{#([a-zA-Z0-9_]{1,50}(?:\.[a-zA-Z_][a-zA-Z0-9_]{0,29}){1,10})#\}\}/g;

/** Takes a text apart. Text and references alternate as they stand; no segment is empty. */
export function parseSegments(text: string): readonly Segment[] {
  const segments: Segment[] = [];
  let end = 0;
  for (const match of text.matchAll(REFERENCE)) {
    if (match.index > end) segments.push(text.slice(end, match.index));
    segments.push(match[1]!.split("."));
    end = match.index + match[0].length;
  }
  if (end < text.length) segments.push(text.slice(end));
  return segments;
}

/** The selectors that a text refers to. */
export function referencesIn(text: string): readonly Selector[] {
  return parseSegments(text).filter((segment) => typeof segment !== "string");
}

/** Longest text that references may add up to. */
const TEXT_MAX = 10_000_000;

/** Puts the values of the references in. What a reference without a value leaves is the reader's rule. */
export function renderSegments(
  segments: readonly Segment[],
  scope: Scope,
  missing: Missing = "name",
  form: Form = "text",
): string {
  let text = "";
  for (const segment of segments) {
    if (text.length > TEXT_MAX)
      throw new AppError("EXPRESSION_LIMIT", { reason: `a text is longer than ${TEXT_MAX} characters` });
    if (typeof segment === "string") {
      text += segment;
      continue;
    }
    const value = find(scope, segment);
    if (value !== undefined) text += renderValue(value, form);
    else if (missing === "fail") throw notFound(`#${selectorName(segment)}#`);
    else if (missing === "name") text += selectorName(segment);
  }
  return text;
}

/** The failure of a reader that cannot do without the value. */
export function notFound(what: string): AppError {
  return new AppError("STEP_FAILED", { reason: `Variable ${what} not found`, error_type: "VariableNotFoundError" });
}

/** How a selector stands in such a message. */
export function selectorList(selector: Selector): string {
  return `[${selector.map((part) => `'${part}'`).join(", ")}]`;
}
