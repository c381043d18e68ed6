import { isJsonObject } from "../base/json.ts";
import type { Selector } from "../workflow/dify-steps.ts";
import type { EndStep } from "../workflow/workflow.ts";
import { parseSegments, type Segment } from "./template.ts";

/**
 * What an end or answer says, in order, as whoever reads along gets it: the text of an answer taken apart, or the
 * outputs of an end with a line break between them.
 */
export function responseSegments({ gives, value }: EndStep): readonly Segment[] {
  if (!isJsonObject(value)) return [];
  if (gives === "answer") {
    const answer = value["answer"];
    if (typeof answer === "string") return answer === "" ? [] : [answer];
    return isJsonObject(answer) && typeof answer["$text"] === "string" ? parseSegments(answer["$text"]) : [];
  }
  const selectors = Object.values(value).flatMap((output): Selector[] =>
    isJsonObject(output) && Array.isArray(output["$select"]) ? [output["$select"].map(String)] : [],
  );
  return selectors.flatMap((selector, at) => (at === 0 ? [selector] : ["\n", selector]));
}
