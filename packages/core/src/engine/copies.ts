import type { Payload } from "../base/payload.ts";
import type { RunEvent } from "./event.ts";
import { bodyOf, parsePart, partsOf, type Pinned } from "./way.ts";

/** Of an event that a rerun takes over, the payloads that a control rule may read and that are not loaded. */
export function copyPayloads(event: RunEvent, pinned: Pinned): readonly Payload[] {
  switch (event.type) {
    case "variable_assigned":
      return event.values.missing();
    case "task_copied":
      return isRead(pinned, event.scope, event.node) ? event.output.missing() : [];
    case "item_ended":
    case "round_ended": {
      const parts = partsOf(event.scope);
      const container = parsePart(parts.at(-1)!)?.node ?? "";
      const around = parts.length === 1 ? "root" : parts.slice(0, -1).join("/");
      return event.output && isRead(pinned, around, container) ? event.output.missing() : [];
    }
    default:
      return [];
  }
}

function isRead(pinned: Pinned, scope: string, node: string): boolean {
  return bodyOf(pinned, scope)?.byId.get(node)?.readByControl ?? false;
}
