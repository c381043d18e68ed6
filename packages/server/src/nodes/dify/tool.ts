import { encodeJson, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { Toolbox } from "../../tools/tool.ts";
import type { NodeExecutor, NodeTask, Outcome } from "../node.ts";
import { failedKind, withConfig } from "./dialect.ts";
import { referenceOf, toolOfNode } from "./tool-names.ts";

/** A tool node by the executor of native tool steps. */
export async function difyTool(native: NodeExecutor, box: Toolbox, task: NodeTask): Promise<Outcome> {
  const { tool, arguments: given = {} } = referenceOf(box, toolOfNode(task.config));
  const outcome = await native.execute(withConfig(task, { tool, arguments: given }));
  switch (outcome.type) {
    case "completed": {
      const output = toolOutputs((outcome.output ?? null) as Json);
      if (tool !== "current_time") return { ...outcome, output };
      const { format } = toolOfNode(task.config).given;
      return { ...outcome, output: { ...output, text: timeText(String(output["time"]), format) } };
    }
    case "failed":
      return failedKind(outcome.failure, "ToolInvokeError");
    case "parked":
      return outcome;
  }
}

/** The time as this tool of Dify tells it, in its format of `strftime`; parts that are not known stay as they are. */
function timeText(time: string, format: Json | undefined): string {
  const [, year = "", month = "", day = "", hour = "", minute = "", second = ""] =
    /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/.exec(time) ?? [];
  const parts: Readonly<Record<string, string>> = {
    Y: year,
    m: month,
    d: day,
    H: hour,
    M: minute,
    S: second,
    "%": "%",
  };
  const wanted = typeof format === "string" && format !== "" ? format : "%Y-%m-%d %H:%M:%S";
  return wanted.replaceAll(/%([YmdHMS%])/g, (_, part: string) => parts[part]!);
}

/** What a tool returned, as text and as JSON; the members of a map are outputs of their own as well. */
export function toolOutputs(result: Json): JsonObject {
  if (typeof result === "string") return { text: result, files: [], json: [{ data: [] }] };
  const text = encodeJson(result);
  if (Array.isArray(result)) return { text, files: [], json: result as readonly Json[] };
  return isJsonObject(result) ? { text, files: [], json: [result], ...result } : { text, files: [], json: [result] };
}
