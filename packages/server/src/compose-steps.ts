import { availableParallelism } from "node:os";
import type { BlobStore } from "./blob/blob.ts";
import { historyOf } from "./conversations/history.ts";
import type { ConversationStore } from "./conversations/conversations.ts";
import type { Database } from "./db/database.ts";
import { documentReader } from "./documents/reader.ts";
import { FILE_LIMITS, type Files } from "./files/files.ts";
import { fileStore } from "./files/store.ts";
import { folderRetriever } from "./knowledge/folder.ts";
import { importedAsking, type MemorySource } from "./nodes/dify/asking.ts";
import { httpGuard, type HttpGuard } from "./nodes/http-guard.ts";
import type { NodeRegistry } from "./nodes/node.ts";
import { builtinNodes, nodeRegistry } from "./nodes/registry.ts";
import type { Clock } from "./runtime/clock.ts";
import type { ChildRuns } from "./runtime/child-runs.ts";
import { findContainerEngine } from "./sandbox/container-engine.ts";
import { containers } from "./sandbox/container-runner.ts";
import { javascriptSandbox } from "./sandbox/javascript.ts";
import { pythonSandbox } from "./sandbox/python.ts";
import type { SecretSource } from "./secrets/secrets.ts";
import { openToolbox } from "./tools/open-toolbox.ts";
import type { Gateway } from "./compose-models.ts";
import { openAll, together } from "./compose-opened.ts";
import type { ComposeOptions } from "./compose-options.ts";

/** What work steps are done with. */
export interface Steps {
  readonly registry: NodeRegistry;
  readonly files: Files;
  /** What stands between this process and the network. */
  readonly guard: HttpGuard;
  close(): Promise<void>;
}

export interface StepsOptions {
  readonly chosen: ComposeOptions;
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly conversations: ConversationStore;
  readonly gateway: Gateway;
  /** Null where steps are given none. */
  readonly secrets: SecretSource | null;
  /** Asked when a tool begins a run; there is an engine then. */
  readonly childRuns: () => ChildRuns;
  readonly clock: Clock;
  readonly problem: (message: string, error: unknown) => void;
}

/** Interpreters that may be at work at the same time: code takes a core. */
const CODE_THREADS = Math.max(2, availableParallelism());

/** Throws `CONFIGURATION_INVALID`. */
export function openSteps(options: StepsOptions): Promise<Steps> {
  const { chosen, gateway, clock, problem } = options;
  return openAll(async (opened) => {
    const sandboxes = {
      javascript: javascriptSandbox({ threads: CODE_THREADS }),
      python: pythonSandbox({ processes: CODE_THREADS, packages: chosen.pythonPackages ?? null }),
      containers: containers({ find: () => findContainerEngine(chosen.containers), now: () => performance.now() }),
    };
    const documents = documentReader();
    opened.keep(together(documents, ...Object.values(sandboxes)));
    const { database, blobs } = options;
    const files = fileStore({ database, blobs, limits: chosen.files ?? {}, now: () => clock.now() });
    const http = {
      allow: chosen.httpAllow,
      ...(chosen.httpPorts === undefined ? {} : { ports: chosen.httpPorts }),
      files,
      fileBytesMax: chosen.files?.bytesMax ?? FILE_LIMITS.bytesMax,
    };
    const tools = openToolbox({
      config: chosen.tools?.config ?? null,
      folder: chosen.tools?.folder ?? process.cwd(),
      environment: chosen.environment ?? process.env,
      // Looked up when a tool asks: in a rehearsal it is the script that answers.
      http: (task) => registry.get("http").execute(task),
      secrets: options.secrets,
      workflows: {
        describe: (name, version) => options.childRuns().describe(name, version),
        run: (call) => options.childRuns().run(call),
      },
      now: () => clock.now(),
    });
    const memory: MemorySource = async (tenant, run, rounds) =>
      (await historyOf(options.conversations, tenant, run, rounds)).map((message) => ({ ...message }));
    const retriever = folderRetriever({
      folders: chosen.datasets ?? {},
      documents,
      now: () => performance.now(),
      problem,
    });
    const builtins = builtinNodes({
      catalog: gateway.catalog,
      embeddings: gateway.embeddings,
      documents,
      retriever,
      http,
      sandboxes,
      tools,
      ownWorkers: chosen.ownWorkers ?? true,
      monotonic: () => clock.monotonic(),
      ...(chosen.codeLimits ? { codeLimits: chosen.codeLimits } : {}),
    });
    const executors = [
      ...builtins.map((executor) => importedAsking(executor, { catalog: gateway.catalog, memory })),
      ...chosen.nodes,
    ];
    opened.keep(together(...executors.map((executor) => ({ close: () => executor.close?.() }))));
    const registry = nodeRegistry(chosen.rehearsal?.executors(executors) ?? executors);
    return { registry, files, guard: httpGuard(http), close: () => opened.close() };
  });
}
