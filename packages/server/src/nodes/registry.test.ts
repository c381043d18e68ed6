import { AppError, WORK_TYPES } from "@weftwork/core";
import { expect, test } from "vitest";
import { z } from "zod";
import { documentReader } from "../documents/reader.ts";
import { builtinEmbeddings, builtinModels } from "../gateway/builtin/index.ts";
import { modelCatalog } from "../gateway/catalog.ts";
import { javascriptSandbox } from "../sandbox/javascript.ts";
import { containers } from "../sandbox/container-runner.ts";
import { pythonSandbox } from "../sandbox/python.ts";
import { defineNode } from "./define-node.ts";
import { builtinNodes, nodeRegistry } from "./registry.ts";

const builtin = builtinNodes({
  catalog: modelCatalog(builtinModels()),
  embeddings: modelCatalog(builtinEmbeddings()),
  documents: documentReader(),
  retriever: { retrieve: async () => [], datasets: () => [] },
  sandboxes: {
    javascript: javascriptSandbox({ threads: 1 }),
    python: pythonSandbox({ processes: 1 }),
    containers: containers({ find: () => null, now: () => 0 }),
  },
  tools: { problem: () => null, open: async () => ({ tools: [], close: async () => undefined }) },
  monotonic: () => 0,
});
const own = (type: string) => defineNode({ type, config: z.unknown(), execute: () => null });

test("every work type of the language has exactly one node", () => {
  expect(nodeRegistry(builtin).types().toSorted()).toEqual([...WORK_TYPES].toSorted());
  expect(nodeRegistry(builtin).ownTypes()).toEqual([]);
});

test("own nodes stand beside the builtin ones", () => {
  const shout = own("shout");
  const registry = nodeRegistry([...builtin, shout]);
  expect(registry.get("shout")).toBe(shout);
  expect(registry.ownTypes()).toEqual(["shout"]);
});

test.each([
  ["a type given twice", [own("shout"), own("shout")]],
  ["a type that is a builtin one", [...builtin, own("template")]],
  ["the name of a control step", [own("switch")]],
  ["another spelling of a builtin type", [own("llm")]],
])("%s is refused", (_what, executors) => {
  expect(() => nodeRegistry(executors)).toThrow(AppError);
});

test("a type that nobody does is NODE_NOT_AVAILABLE", () => {
  expect(() => nodeRegistry([]).get("shout")).toThrow(expect.objectContaining({ code: "NODE_NOT_AVAILABLE" }));
  expect(nodeRegistry([]).has("shout")).toBe(false);
});
