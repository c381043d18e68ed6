import type { Tool } from "../tools/tool.ts";
import { toolbox } from "../tools/toolbox.ts";

/** Tools of one set, `shop`, of which `price` and `broken` are known before it is opened. Nothing else can be called. */
export function shopBox(tools: readonly Tool[]): ReturnType<typeof toolbox> {
  return toolbox({
    sets: [{ name: "shop", known: ["price", "broken"], open: async () => ({ tools, close: async () => undefined }) }],
    http: () => {
      throw new Error("no request is expected");
    },
    workflows: null,
    now: () => Date.UTC(2026, 10, 21, 7, 0, 0),
  });
}
