import { json, type Operations } from "./operation.ts";
import { anyObject, text } from "./schema.ts";

export const SERVER_OPERATIONS: Operations = {
  "GET /api/stats": {
    id: "getStats",
    summary: "Runs by what became of them. Costs the same at any number of runs.",
    tag: "operations",
    answers: { "200": json("The counters.", "Stats") },
  },
  "GET /livez": {
    id: "isAlive",
    summary: "The process answers.",
    tag: "operations",
    answers: { "200": { description: "It does.", content: { "application/json": { schema: anyObject } } } },
  },
  "GET /readyz": {
    id: "isReady",
    summary: "Whether the server takes work.",
    tag: "operations",
    answers: { "200": json("It does.", "Readiness"), "503": json("It does not, and why.", "Readiness") },
  },
  "GET /metrics": {
    id: "getMetrics",
    summary: "Metrics in the text format of Prometheus.",
    tag: "operations",
    answers: { "200": { description: "The metrics.", content: { "text/plain": { schema: text } } } },
  },
  "GET /openapi.json": {
    id: "getOpenApi",
    summary: "This document.",
    tag: "operations",
    answers: { "200": { description: "OpenAPI 3.1.", content: { "application/json": { schema: anyObject } } } },
  },
  "GET /docs": {
    id: "getDocs",
    summary: "This document as a page to read. It needs no other machine.",
    tag: "operations",
    answers: { "200": { description: "The page.", content: { "text/html": { schema: text } } } },
  },
  "GET /docs/{file}": {
    id: "getDocsFile",
    summary: "What the page consists of.",
    tag: "operations",
    answers: { "200": { description: "A script or a style sheet.", content: { "text/plain": { schema: text } } } },
    problems: [404],
  },
};
