import type { Expectations, Pattern } from "./case.ts";
import type { Difference } from "./difference.ts";
import type { SeenPrompt } from "./prompt-log.ts";

/** Where a model was asked something else than the case expects, with both texts. */
export function judgePrompts(
  expected: Expectations["prompts"],
  seen: ReadonlyMap<string, readonly SeenPrompt[]>,
): readonly Difference[] {
  const found: Difference[] = [];
  for (const [id, { type, prompts }] of expected) {
    const asked = seen.get(id) ?? [];
    const path = `prompts.${id}`;
    if (asked.length === 0) {
      found.push({ path, message: "the step asked no model" });
      continue;
    }
    if (type === "list" && prompts.length !== asked.length) {
      const message = `${prompts.length} prompts expected, ${asked.length} seen`;
      found.push({ path, message, actual: asked.map(({ prompt }) => prompt) });
      continue;
    }
    for (const [index, one] of asked.entries()) {
      const wanted = type === "list" ? prompts[index] : prompts[0];
      if (!wanted) continue;
      const place = asked.length === 1 ? path : `${path}[${index}]`;
      found.push(
        ...differs(place, wanted.prompt, one.prompt),
        ...differs(`${place}.system`, wanted.system, one.system),
      );
    }
  }
  return found;
}

/** White space at the end says nothing to a model, and YAML is careless with it. */
function differs(path: string, wanted: string | Pattern | null, actual: string | null): readonly Difference[] {
  if (wanted === null) return [];
  if (typeof wanted !== "string") {
    if (actual !== null && wanted.fits(actual)) return [];
    return [{ path, message: `does not hold ${wanted.shown}`, actual }];
  }
  if (actual === null) return [{ path, message: "not there", expected: wanted }];
  const [left, right] = [wanted.trimEnd(), actual.trimEnd()];
  return left === right ? [] : [{ path, message: "another prompt", expected: left, actual: right }];
}
