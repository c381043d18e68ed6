import { AppError, isJsonObject, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import type { Toolbox } from "../tools/tool.ts";
import { toolProblem } from "./agent.ts";
import { defineNode } from "./define-node.ts";
import { inDialects, isDify } from "./dify/dialect.ts";
import { difyTool } from "./dify/tool.ts";
import { referenceOf, toolOfNode } from "./dify/tool-names.ts";
import { refused } from "./model/ask.ts";
import type { NodeExecutor } from "./node.ts";
import { checkedArguments } from "./tool-calls.ts";

const config = z.strictObject({
  tool: z.string().min(1),
  input: z.unknown().optional(),
  arguments: z.custom<JsonObject>(isJsonObject, "give a map").nullish(),
});

/**
 * `tool {tool arguments}` → what the tool returns. The same tools as an agent's, without a model: what goes wrong fails
 * the step.
 */
export function toolNode({ tools: box }: { readonly tools: Toolbox }): NodeExecutor {
  const native = defineNode({
    type: "tool",
    effect: "effect",
    timeoutMs: 600_000,
    config,
    unavailable: (written) =>
      toolProblem(box, isDify(written) ? referenceOf(box, toolOfNode(written)).tool : (written["tool"] ?? null)),
    async execute(fields, task) {
      const { tools, close } = await box.open([{ tool: fields.tool }], task);
      try {
        const [tool] = tools;
        if (!tool || tools.length > 1) {
          const reason = `it is a set; name one of its tools: ${tools.map(({ reference }) => reference).join(", ")}`;
          throw new AppError("TOOL_NOT_FOUND", { tool: fields.tool, reason });
        }
        const given = Object.entries(fields.arguments ?? {}).filter(([, value]) => value !== null);
        const args = checkedArguments(tool, Object.fromEntries(given));
        return await tool.call(args, { key: task.key, signal: task.signal });
      } catch (error) {
        return refused(error);
      } finally {
        await close();
      }
    },
  });
  return inDialects(native, { ...native, execute: (task) => difyTool(native, box, task) });
}
