import type { ProblemList } from "../workflow/problems.ts";
import type { DifyGraph } from "./graph.ts";
import { shownNode } from "./nodes/mapping.ts";
import { mapsAt, textAt } from "./read.ts";

/** What is wrong or doubtful about a graph as a whole. */
export function checkGraph(graph: DifyGraph, live: ReadonlySet<string>, problems: ProblemList): void {
  for (const { id, pointer } of graph.doubles) {
    problems.error({
      code: "duplicate_id",
      message: `Two nodes have the id ${JSON.stringify(id)}.`,
      suggestion: "Give each node an id of its own.",
      pointer: `${pointer}/id`,
    });
  }
  for (const { source, target, pointer } of graph.loose) {
    const missing = graph.byId.has(source) ? target : source;
    problems.error({
      code: "unknown_node",
      message: `An edge leads ${missing === target ? "to" : "from"} ${JSON.stringify(missing)}, and there is no such node.`,
      suggestion: "Remove the edge, or draw it to a node.",
      pointer,
    });
  }
  const out = new Map<string, Set<string>>();
  for (const { source, target, handle, pointer } of graph.edges) {
    const handles = out.get(source) ?? new Set();
    out.set(source, handles.add(handle));
    const [from, to] = [graph.byId.get(source)!, graph.byId.get(target)!];
    if (from.parent === to.parent) continue;
    problems.warning({
      code: "edge_across",
      message: `An edge leads from ${shownNode(from)} to ${shownNode(to)}, across the border of an iteration or loop.`,
      suggestion: "It is not followed. Draw it from, or to, the container.",
      pointer,
    });
  }
  for (const node of graph.nodes) {
    if (!live.has(node.id) && node.kind !== "iteration-start" && node.kind !== "loop-start") {
      problems.warning({
        code: "never_runs",
        message: `The node ${shownNode(node)} never runs: no edge leads to it, or the edges go in a circle.`,
        suggestion: "Connect it, or remove it.",
        pointer: node.pointer,
      });
    }
    if (node.kind !== "if-else" || !live.has(node.id)) continue;
    const listed = mapsAt(node.data, "cases").map(({ map }) => textAt(map, "case_id") || textAt(map, "id"));
    for (const handle of [...(listed.length > 0 ? listed : ["true"]), "false"]) {
      if (out.get(node.id)?.has(handle)) continue;
      problems.warning({
        code: "open_branch",
        message: `The branch ${JSON.stringify(handle)} of ${shownNode(node)} leads nowhere.`,
        suggestion: "A run that takes it ends there, without outputs.",
        pointer: node.pointer,
      });
    }
  }
}
