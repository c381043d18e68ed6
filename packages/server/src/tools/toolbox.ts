import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { NodeTask } from "../nodes/node.ts";
import { nearestName } from "../gateway/nearest.ts";
import { calculate, jsonQuery } from "./builtin/expressions.ts";
import { currentTime } from "./builtin/current-time.ts";
import { fetchPage } from "./builtin/fetch-page.ts";
import { freeName, readReference } from "./names.ts";
import { Requester, type HttpTasks } from "./requests.ts";
import type { OfferedTool, OpenToolSet, Tool, Toolbox, ToolReference, ToolSet } from "./tool.ts";
import { BUILTIN_NAMES } from "./tools-config.ts";
import { workflowTool, type ToolWorkflows } from "./workflow-tools.ts";

/** Tools of one task; protocols of models take no more. */
const TOOLS_MAX = 128;
const PAGE_TIMEOUT_MS = 30_000;

export interface ToolboxOptions {
  readonly sets: readonly ToolSet[];
  readonly http: HttpTasks;
  /** Null: workflows are no tools here. */
  readonly workflows: ToolWorkflows | null;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The builtin tools, those of the sets, and every workflow, by the names that authors write. */
export function toolbox({ sets, http, workflows, now }: ToolboxOptions): Toolbox {
  const byName = new Map(sets.map((set) => [set.name, set]));
  const pages = new Requester({ http, credentials: null, timeoutMs: PAGE_TIMEOUT_MS });
  const builtin = (name: string, task: NodeTask): Tool => {
    switch (name as (typeof BUILTIN_NAMES)[number]) {
      case "current_time":
        return currentTime(now);
      case "calculate":
        return calculate();
      case "json_query":
        return jsonQuery();
      case "fetch_page":
        return fetchPage(pages, task);
    }
  };

  function problem(text: string): string | null {
    const reference = readReference(text);
    if (reference === null) return `${JSON.stringify(text)} names no tool; write NAME, SET/TOOL or workflow:NAME`;
    if (reference.kind === "workflow" || (isBuiltin(reference.set) && reference.tool === null)) return null;
    const set = byName.get(reference.set);
    if (!set) {
      const known = [...BUILTIN_NAMES, ...byName.keys()];
      return `there is no tool ${text}${meant(reference.set, known)}; known: ${known.join(", ")}`;
    }
    if (reference.tool === null || set.known === null || set.known.includes(reference.tool)) return null;
    return `the tool set ${set.name} has no tool ${reference.tool}${meant(reference.tool, set.known)}`;
  }

  /** The tools of one reference, with the names that their set has for them. */
  async function toolsOf(text: string, task: NodeTask, opened: Opened): Promise<readonly Found[]> {
    const wrong = problem(text);
    const reference = readReference(text);
    if (wrong !== null || reference === null) throw new AppError("TOOL_NOT_FOUND", { tool: text, reason: wrong ?? "" });
    if (reference.kind === "workflow") {
      return [{ set: "workflow", reference: text, tool: await workflowTool(reference, workflows, task) }];
    }
    const { set: name, tool: wanted } = reference;
    if (wanted === null && isBuiltin(name)) return [{ set: "builtin", reference: name, tool: builtin(name, task) }];
    const { tools } = await opened.get(byName.get(name)!);
    const found = tools.filter((tool) => wanted === null || tool.name === wanted);
    if (found.length === 0) {
      const known = tools.map((tool) => tool.name);
      const reason = `the tool set ${name} has ${known.length === 0 ? "no tools" : `only ${known.join(", ")}`}`;
      throw new AppError("TOOL_NOT_FOUND", { tool: text, reason: reason.slice(0, 1000) });
    }
    return found.map((tool) => ({ set: name, reference: `${name}/${tool.name}`, tool }));
  }

  return {
    problem,
    async open(references, task) {
      const opened = new Opened(task);
      try {
        const offered = new Map<string, OfferedTool>();
        for (const written of references) {
          for (const found of await toolsOf(written.tool, task, opened)) {
            const tool = offeredTool(found, written, new Set(offered.keys()));
            offered.set(tool.name, tool);
          }
        }
        if (offered.size > TOOLS_MAX) {
          const reason = `these are ${offered.size} tools, and a model takes ${TOOLS_MAX}; name single ones as SET/TOOL`;
          throw new AppError("STEP_FAILED", { reason });
        }
        return { tools: [...offered.values()], close: () => opened.close() };
      } catch (error) {
        await opened.close();
        throw error;
      }
    },
  };
}

interface Found {
  readonly set: string;
  readonly reference: string;
  readonly tool: Tool;
}

/** The sets that a task has opened, each once. */
class Opened {
  private readonly task: NodeTask;
  private readonly sets = new Map<ToolSet, OpenToolSet>();

  constructor(task: NodeTask) {
    this.task = task;
  }

  async get(set: ToolSet): Promise<OpenToolSet> {
    const known = this.sets.get(set);
    if (known) return known;
    const open = await set.open(this.task);
    this.sets.set(set, open);
    return open;
  }

  async close(): Promise<void> {
    await Promise.all([...this.sets.values()].map((set) => set.close()));
  }
}

function offeredTool({ set, reference, tool }: Found, written: ToolReference, taken: ReadonlySet<string>): OfferedTool {
  const fixed = written.arguments ?? {};
  return {
    reference,
    name: freeName(taken, set, written.name ?? tool.name),
    description: written.description ?? tool.description,
    parameters: withoutFixed(tool.parameters, fixed),
    call: (args, context) => tool.call({ ...args, ...fixed }, context),
  };
}

/** The schema without the arguments that are fixed. */
function withoutFixed(parameters: JsonObject, fixed: JsonObject): JsonObject {
  const names = Object.keys(fixed);
  if (names.length === 0) return parameters;
  const { properties, required, ...rest } = parameters;
  const left = Object.entries<Json>(isJsonObject(properties as Json) ? (properties as JsonObject) : {});
  const needed = (Array.isArray(required) ? (required as readonly Json[]) : []).filter(
    (name) => !names.includes(String(name)),
  );
  return {
    ...rest,
    properties: Object.fromEntries(left.filter(([name]) => !names.includes(name))),
    ...(needed.length > 0 ? { required: needed } : {}),
  };
}

function isBuiltin(name: string): boolean {
  return (BUILTIN_NAMES as readonly string[]).includes(name);
}

function meant(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === null ? "" : ` (did you mean ${nearest}?)`;
}
