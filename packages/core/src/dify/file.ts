import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { type ProblemList, shown } from "../workflow/problems.ts";
import { listAt, mapAt, member, textAt } from "./read.ts";

/** A file that holds a graph. */
export interface DifyFile {
  /** Name of the app as people see it. */
  readonly name: string;
  readonly description: string;
  /** `workflow` or `advanced-chat`, or `rag_pipeline`. */
  readonly mode: string;
  readonly version: string;
  readonly graph: JsonObject;
  /** JSON Pointer of the graph. */
  readonly graphPointer: string;
  /** The map around the graph: variables and features. */
  readonly workflow: JsonObject;
  readonly document: JsonObject;
}

/** Modes of apps that are no graphs. */
const PLAIN_MODES: ReadonlySet<string> = new Set(["chat", "agent-chat", "completion", "agent"]);
const VERSION_DEFAULT = "0.1.0";

/** Finds the graph of a file and what is said about it; null, with a problem, when the text is no such file. */
export function recogniseFile(data: Json, problems: ProblemList): DifyFile | null {
  const refuse = (code: string, message: string, suggestion: string, pointer = ""): null => {
    problems.error({ code, message, suggestion, pointer });
    return null;
  };
  if (!isJsonObject(data)) {
    const what = data === null ? "The text is empty." : `A Dify file is a map, and the text is ${shown(data)}.`;
    return refuse(data === null ? "empty" : "wrong_type", what, "Export the app from Dify and pass that file.");
  }
  const workflow = mapAt(data, "workflow");
  const graph = member(workflow, "graph");
  const app = member(data, "app");
  const pipeline = member(data, "rag_pipeline");
  const version = versionOf(data, problems);
  if (isJsonObject(app)) {
    const mode = textAt(app, "mode", "workflow");
    if (!isJsonObject(graph)) {
      return PLAIN_MODES.has(mode)
        ? refuse(
            "no_graph",
            `The app is of the mode ${mode}, which has settings and no graph.`,
            "Turn it into a chatflow or workflow in Dify and export that.",
            "/app",
          )
        : refuse("no_graph", "The app has no workflow.graph.", "Export the app once more; the file is not whole.");
    }
    const [name, description] = [textAt(app, "name"), textAt(app, "description")];
    return { name, description, mode, version, graph, graphPointer: "/workflow/graph", workflow, document: data };
  }
  if (isJsonObject(graph) && (isJsonObject(pipeline) || textAt(data, "kind") === "rag_pipeline")) {
    const about = isJsonObject(pipeline) ? pipeline : {};
    const [name, description] = [textAt(about, "name"), textAt(about, "description")];
    const mode = "rag_pipeline";
    return { name, description, mode, version, graph, graphPointer: "/workflow/graph", workflow, document: data };
  }
  if (isBareGraph(data)) {
    const none = { name: "", description: "", mode: modeOfGraph(data), version };
    return { ...none, graph: data, graphPointer: "", workflow: {}, document: data };
  }
  return refuse(
    "not_an_app",
    "The text has no app section, so it is no Dify app; nor is it a graph whose nodes all have data with a type.",
    "Export the app from Dify and pass that file.",
  );
}

/** Whether a document is one of Dify's, whole or not: native workflows have steps and no graph. */
export function isDifyDocument(data: Json): boolean {
  if (!isJsonObject(data) || Object.hasOwn(data, "steps")) return false;
  const workflow = mapAt(data, "workflow");
  if (Object.hasOwn(workflow, "steps")) return false;
  return (
    isJsonObject(member(data, "app")) ||
    isJsonObject(member(workflow, "graph")) ||
    (Array.isArray(member(data, "nodes")) && Array.isArray(member(data, "edges")))
  );
}

/** A graph without the app around it, as engines pass it on: every node has its fields below `data`. */
function isBareGraph(data: JsonObject): boolean {
  const nodes = listAt(data, "nodes");
  return nodes.length > 0 && nodes.every((node) => isJsonObject(node) && textAt(mapAt(node, "data"), "type") !== "");
}

function modeOfGraph(data: JsonObject): string {
  const hasAnswer = listAt(data, "nodes").some(
    (node) => isJsonObject(node) && textAt(mapAt(node, "data"), "type") === "answer",
  );
  return hasAnswer ? "advanced-chat" : "workflow";
}

function versionOf(data: JsonObject, problems: ProblemList): string {
  const version = member(data, "version");
  if (version === null || version === "") return VERSION_DEFAULT;
  if (typeof version === "string") return version;
  problems.warning({
    code: "invalid_version",
    message: `version must be a text, and is ${shown(version)}.`,
    suggestion: 'Put it in quotes, as in version: "0.6.0".',
    pointer: "/version",
  });
  return String(version);
}
