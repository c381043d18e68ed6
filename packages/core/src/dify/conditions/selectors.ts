import type { Json } from "../../base/json.ts";
import type { DifyTest, Selector } from "../../workflow/dify-steps.ts";
import { referencesIn } from "../template.ts";

/** Every selector that conditions read, on either side. */
export function selectorsOfTest({ conditions }: DifyTest): readonly Selector[] {
  return conditions.flatMap(({ selector, value, files }) => [
    selector,
    ...inValue(value),
    ...(files?.conditions.flatMap((one) => inValue(one.value)) ?? []),
  ]);
}

function inValue(value: Json): readonly Selector[] {
  return typeof value === "string" ? referencesIn(value) : [];
}
