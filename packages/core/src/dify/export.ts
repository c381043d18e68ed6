import { stringify } from "yaml";
import type { Json } from "../base/json.ts";

/**
 * The Dify file of an imported document, as YAML: the same graph, ids, positions and unknown keys, in the same order.
 * Comments and the way the text was laid out are not kept.
 */
export function exportDify(document: Json): string {
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false, version: "1.1" });
}
