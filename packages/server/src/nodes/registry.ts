import { AppError, CONTROL_TYPES, TYPE_ALIASES, WORK_TYPES } from "@weftwork/core";
import type { Catalog } from "../gateway/catalog.ts";
import type { Documents } from "../documents/documents.ts";
import type { EmbeddingModel, Model } from "../gateway/model.ts";
import type { Retriever } from "../knowledge/retrieve.ts";
import type { Containers } from "../sandbox/containers.ts";
import { SANDBOX_LIMITS, type Sandbox, type SandboxLimits } from "../sandbox/sandbox.ts";
import type { Toolbox } from "../tools/tool.ts";
import { agentNode } from "./agent.ts";
import { answerNode } from "./answer.ts";
import { classifyNode } from "./classify.ts";
import { codeNode } from "./code.ts";
import { containerNode } from "./container.ts";
import { documentNode } from "./document.ts";
import { embeddingNode } from "./embedding.ts";
import { extractNode } from "./extract.ts";
import { httpNode, type HttpOptions } from "./http.ts";
import { listNode } from "./list.ts";
import { modelInference } from "./model-inference.ts";
import type { NodeExecutor, NodeRegistry } from "./node.ts";
import { rerankNode } from "./rerank.ts";
import { retrievalNode } from "./retrieval.ts";
import { templateNode } from "./template.ts";
import { toolNode } from "./tool.ts";
import { ownWorkerNode } from "./own-worker.ts";

/**
 * A registry of these executors. A type given twice, or one that means something else in the language (`switch`,
 * `llm`), is a mistake of the configuration and is refused here: which of the two ran would depend on their order.
 */
export function nodeRegistry(executors: readonly NodeExecutor[]): NodeRegistry {
  const byType = new Map<string, NodeExecutor>();
  const mistakes: string[] = [];
  for (const executor of executors) {
    const { type } = executor;
    if (byType.has(type)) mistakes.push(`the node type ${type} is defined twice`);
    else if (RESERVED.has(type)) mistakes.push(`the node type ${type} is a word of the language; choose another name`);
    else byType.set(type, executor);
  }
  if (mistakes.length > 0) {
    throw new AppError("CONFIGURATION_INVALID", { count: mistakes.length, first: mistakes[0]! });
  }
  const types = [...byType.keys()];
  const own = types.filter((type) => !KNOWN.has(type));
  return {
    get(type) {
      const found = byType.get(type);
      if (found) return found;
      throw new AppError("NODE_NOT_AVAILABLE", { type, reason: `no node of that type is registered in this process` });
    },
    has: (type) => byType.has(type),
    types: () => types,
    ownTypes: () => own,
    secretFields: (type) => byType.get(type)?.secretFields ?? [],
  };
}

const KNOWN: ReadonlySet<string> = new Set(WORK_TYPES);
const RESERVED: ReadonlySet<string> = new Set([...CONTROL_TYPES, ...Object.keys(TYPE_ALIASES)]);

export interface BuiltinOptions {
  readonly catalog: Catalog<Model>;
  readonly http?: HttpOptions;
  readonly embeddings: Catalog<EmbeddingModel>;
  readonly documents: Documents;
  readonly retriever: Retriever;
  readonly sandboxes: { readonly javascript: Sandbox; readonly python: Sandbox; readonly containers: Containers };
  readonly codeLimits?: SandboxLimits;
  /** What agents and tool steps can use. */
  readonly tools: Toolbox;
  /** Whether users' own workers can reach a process on this store. Left out: yes. */
  readonly ownWorkers?: boolean;
  /** Milliseconds from any start. */
  readonly monotonic: () => number;
}

/** Every work type of the language, those that cannot run yet included. */
export function builtinNodes(options: BuiltinOptions): readonly NodeExecutor[] {
  const { sandboxes, codeLimits: limits = SANDBOX_LIMITS } = options;
  // Models are shown the files that requests are sent: one store.
  const asking = { catalog: options.catalog, files: options.http?.files ?? null };
  const http = httpNode(options.http);
  return [
    templateNode(),
    listNode(),
    answerNode(),
    http,
    modelInference(asking),
    classifyNode(asking),
    extractNode(asking),
    codeNode({ type: "javascript", sandbox: sandboxes.javascript, containers: sandboxes.containers, limits }),
    codeNode({ type: "python_script", sandbox: sandboxes.python, containers: sandboxes.containers, limits }),
    containerNode({ containers: sandboxes.containers, limits }),
    agentNode({ catalog: options.catalog, tools: options.tools, monotonic: options.monotonic }),
    toolNode({ tools: options.tools }),
    documentNode({ documents: options.documents, files: options.http?.files ?? null, http }),
    retrievalNode({ retriever: options.retriever }),
    embeddingNode({ embeddings: options.embeddings }),
    rerankNode({ embeddings: options.embeddings }),
    ownWorkerNode({ isReachable: options.ownWorkers ?? true }),
  ];
}
