import type { Body, Plan, PlanNode } from "@weftwork/core";
import type { GraphEdge, GraphNode, WorkflowDetail, WorkflowGraph, WorkflowVersion } from "@weftwork/sdk";
import type { StoredVersion } from "../db/catalogue.ts";

export function versionView(stored: StoredVersion): WorkflowVersion {
  return {
    name: stored.name,
    version: stored.version,
    hash: stored.hash,
    created_at: new Date(stored.createdAt).toISOString(),
  };
}

export function workflowDetail(stored: StoredVersion, plan: Plan): WorkflowDetail {
  return {
    ...versionView(stored),
    description: plan.workflow.description,
    inputs: plan.workflow.inputs,
    step_count: plan.bodies.reduce((sum, body) => sum + body.nodes.length, 0),
    nested: plan.nested,
    source: stored.source,
  };
}

/** The plan as a graph to be drawn: all bodies in one, each node inside the container that runs it. */
export function workflowGraph(plan: Plan): WorkflowGraph {
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  const add = (body: Body, parent: string | null): void => {
    const idOf = (node: PlanNode): string => (parent === null ? node.id : `${parent}/${node.id}`);
    for (const node of body.nodes) {
      const id = idOf(node);
      nodes.push(graphNode(node, id, parent));
      for (const { to, handle, orderOnly } of node.outgoing) {
        edges.push({ from: id, to: idOf(body.nodes[to]!), handle, order_only: orderOnly });
      }
      if (node.kind === "for_each" || node.kind === "loop") add(plan.bodies[node.inner]!, id);
    }
  };
  add(plan.bodies[0]!, null);
  return { name: plan.name, version: plan.version, hash: plan.hash, nodes, edges };
}

function graphNode(node: PlanNode, id: string, parent: string | null): GraphNode {
  const { step } = node;
  return {
    id,
    step: node.id,
    title: step.title,
    type: node.type,
    kind: node.kind,
    parent,
    when: step.when,
    on_error: node.onError.type,
    timeout_ms: node.timeoutMs,
    nested: node.kind === "workflow" ? node.nested : null,
  };
}
