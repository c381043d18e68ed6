import type { JsonObject } from "@weftwork/core";
import { json, query, type Operations } from "./operation.ts";
import { text, whole } from "./schema.ts";

const FILE: JsonObject = {
  required: true,
  content: { "application/yaml": { schema: text }, "application/json": { schema: { type: "object" } } },
};
const PAGING = [
  query("limit", { ...whole, minimum: 1, maximum: 200, default: 200 }, "Entries of a page."),
  query("cursor", text, "The next_cursor of the page before."),
];
const version = query("version", text, "Left out: the newest.");

export const WORKFLOW_OPERATIONS: Operations = {
  "PUT /api/workflows": {
    id: "publishWorkflow",
    summary: "Publishes a workflow file. The same content again is the same version.",
    tag: "workflows",
    body: FILE,
    answers: {
      "200": json("This version was published already.", "PublishedWorkflow"),
      "201": json("Published.", "PublishedWorkflow"),
    },
    problems: [400, 409, 413, 415, 422, 503],
  },
  "GET /api/workflows": {
    id: "listWorkflows",
    summary: "The newest version of each workflow, by name.",
    tag: "workflows",
    parameters: PAGING,
    answers: { "200": json("A page.", "WorkflowPage") },
    problems: [400],
  },
  "POST /api/workflows/validate": {
    id: "validateWorkflow",
    summary: "All that is wrong with a workflow file. Nothing is executed or kept.",
    tag: "workflows",
    body: FILE,
    answers: { "200": json("What was found.", "WorkflowCheck") },
    problems: [400, 413, 415],
  },
  "GET /api/workflows/{name}": {
    id: "getWorkflow",
    summary: "A version with what its author wrote.",
    tag: "workflows",
    parameters: [version],
    answers: { "200": json("The version.", "WorkflowDetail") },
    problems: [400, 404],
  },
  "GET /api/workflows/{name}/versions": {
    id: "listWorkflowVersions",
    summary: "All versions of a workflow, the newest published first.",
    tag: "workflows",
    parameters: PAGING,
    answers: { "200": json("A page.", "WorkflowPage") },
    problems: [400, 404],
  },
  "GET /api/workflows/{name}/versions/{version}": {
    id: "getWorkflowVersion",
    summary: "One version with what its author wrote.",
    tag: "workflows",
    answers: { "200": json("The version.", "WorkflowDetail") },
    problems: [400, 404],
  },
  "GET /api/workflows/{name}/plan": {
    id: "getWorkflowPlan",
    summary: "The plan as a graph to be drawn.",
    tag: "workflows",
    parameters: [version],
    answers: { "200": json("Nodes and edges.", "WorkflowGraph") },
    problems: [400, 404],
  },
};
