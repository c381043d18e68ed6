import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { Toolbox, ToolReference } from "../../tools/tool.ts";

/** Tools of Dify that are built in here, by provider and name: the tool, and its arguments by the names of Dify's. */
const BUILTIN: Readonly<
  Record<string, { readonly tool: string; readonly arguments: Readonly<Record<string, string>> }>
> = {
  "time/current_time": { tool: "current_time", arguments: { timezone: "timezone" } },
  "webscraper/webscraper": { tool: "fetch_page", arguments: { url: "url" } },
  "jina/jina_reader": { tool: "fetch_page", arguments: { url: "url" } },
  "maths/eval_expression": { tool: "calculate", arguments: { expression: "expression" } },
};

/** A tool as a file names it. */
export interface NamedTool {
  readonly kind: string;
  /** `org/plugin/provider`, or the last part alone. */
  readonly provider: string;
  readonly tool: string;
  readonly given: JsonObject;
}

/**
 * The tool that a name of a file stands for: one that is built in; a workflow; or one of the tool set that is called as
 * its provider. Where there is none, the reference that would have to be set up.
 */
export function referenceOf(box: Toolbox, { kind, provider, tool, given }: NamedTool): ToolReference {
  const short = provider.split("/").at(-1)!;
  if (kind === "workflow") return { tool: `workflow:${tool || short}`, arguments: given };
  const names = [`${provider}/${tool}`, `${short}/${tool}`].filter((name) => !name.startsWith("/"));
  const known = names.find((name) => !name.includes("//") && box.problem(name) === null);
  if (known !== undefined) return { tool: known, arguments: given };
  const builtin = Object.hasOwn(BUILTIN, `${short}/${tool}`) ? BUILTIN[`${short}/${tool}`]! : null;
  if (builtin === null) return { tool: `${short}/${tool}`, arguments: given };
  const taken = Object.entries(builtin.arguments).flatMap(([from, to]) =>
    Object.hasOwn(given, from) ? [[to, given[from]!] as const] : [],
  );
  return { tool: builtin.tool, arguments: Object.fromEntries(taken) };
}

/** The tool of a tool node, its settings and parameters together; what is null was left out. */
export function toolOfNode(config: JsonObject): NamedTool {
  const given = Object.entries({ ...mapIn(config["settings"]), ...mapIn(config["parameters"]) });
  return {
    kind: textIn(config["provider_type"]),
    provider: textIn(config["provider"]) || textIn(config["provider_name"]),
    tool: textIn(config["tool"]),
    given: Object.fromEntries(given.filter(([, value]) => value !== null)),
  };
}

/** The tools of an agent that are switched on. Parameters that the model is to choose are none of its author's. */
export function toolsOfAgent(list: Json | undefined): readonly (NamedTool & { readonly description: string })[] {
  if (!Array.isArray(list)) return [];
  return (list as readonly Json[]).filter(isJsonObject).flatMap((one) => {
    if (one["enabled"] === false) return [];
    const settings = Object.entries(mapIn(one["settings"])).map(([name, value]) => [name, plain(value)] as const);
    const fixed = Object.entries(mapIn(one["parameters"])).flatMap(([name, value]) =>
      isJsonObject(value) && value["auto"] === 0 ? [[name, plain(value["value"] ?? null)] as const] : [],
    );
    const given = [...settings, ...fixed].filter(([, value]) => value !== null && value !== "");
    return [
      {
        kind: textIn(one["type"]),
        provider: textIn(one["provider_name"]),
        tool: textIn(one["tool_name"]),
        given: Object.fromEntries(given),
        description: textIn(mapIn(one["extra"])["description"]),
      },
    ];
  });
}

/** A value, or the one inside of `{type, value}` or `{value}`. */
function plain(value: Json): Json {
  return isJsonObject(value) && Object.hasOwn(value, "value") ? plain(value["value"]!) : value;
}

function mapIn(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textIn(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
