import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { Requester } from "../requests.ts";
import type { Tool, ToolSet } from "../tool.ts";
import { resultValue } from "./mcp-messages.ts";
import { McpSession } from "./mcp-session.ts";

const PAGES_MAX = 20;
const TOOLS_MAX = 500;
const DESCRIPTION_LENGTH_MAX = 4000;

export interface McpOptions {
  readonly name: string;
  readonly url: string;
  readonly requester: Requester;
  /** Only these of its tools; null: all. */
  readonly only: readonly string[] | null;
}

/**
 * The tools of an MCP server. It is asked for them anew for each task, so nothing is kept between tasks, and the
 * session of one tenant is never another's.
 */
export function mcpTools({ name, url, requester, only }: McpOptions): ToolSet {
  return {
    name,
    known: only,
    async open(task) {
      const session = await McpSession.open({ name, url, requester, task });
      try {
        const listed = await list(session, { key: `${task.key}/${name}`, signal: task.signal });
        const tools = listed.filter((tool) => only === null || only.includes(tool.name));
        return { tools: tools.map((tool) => mcpTool(tool, session)), close: () => session.close() };
      } catch (error) {
        await session.close();
        throw error;
      }
    },
  };
}

type Listed = Pick<Tool, "name" | "description" | "parameters">;

async function list(session: McpSession, context: Parameters<McpSession["request"]>[2]): Promise<readonly Listed[]> {
  const tools: Listed[] = [];
  let cursor: string | null = null;
  for (let page = 1; page <= PAGES_MAX && tools.length < TOOLS_MAX; page++) {
    const key = `${context.key}/${page}`;
    const result: JsonObject = await session.request("tools/list", cursor === null ? {} : { cursor }, {
      ...context,
      key,
    });
    const given = result["tools"];
    for (const tool of Array.isArray(given) ? (given as readonly Json[]) : []) {
      const read = readTool(tool);
      if (read) tools.push(read);
    }
    const next: Json | undefined = result["nextCursor"];
    if (typeof next !== "string" || next === "") break;
    cursor = next;
  }
  return tools.slice(0, TOOLS_MAX);
}

function readTool(tool: Json): Listed | null {
  if (!isJsonObject(tool)) return null;
  const { name, description, inputSchema } = tool;
  if (typeof name !== "string" || name === "") return null;
  return {
    name,
    description: typeof description === "string" ? description.slice(0, DESCRIPTION_LENGTH_MAX) : "",
    parameters: isJsonObject(inputSchema as Json) ? (inputSchema as JsonObject) : { type: "object" },
  };
}

function mcpTool(listed: Listed, session: McpSession): Tool {
  const { name } = listed;
  return {
    ...listed,
    async call(args, context) {
      const result = await session.request("tools/call", { name, arguments: args }, context);
      const value = resultValue(result);
      if (result["isError"] !== true) return value;
      const reason = typeof value === "string" ? value : JSON.stringify(value);
      throw new AppError("TOOL_FAILED", { tool: name, reason: reason || "it says no more than that" });
    },
  };
}
