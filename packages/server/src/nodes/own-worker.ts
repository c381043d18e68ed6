import { AppError } from "@weftwork/core";
import type { NodeExecutor } from "./node.ts";

/**
 * `worker {handler?, config?}` → what the handler of a user's own process answers. No process of the engine does such a
 * step: it waits in the pool it names (`default`) until an own worker that serves the pool takes it. Where none can come
 * (`isReachable` false) a run is refused in place of waiting for ever.
 */
export function ownWorkerNode({ isReachable }: { readonly isReachable: boolean }): NodeExecutor {
  return {
    type: "worker",
    version: 1,
    effect: "effect",
    pool: "default",
    timeoutMs: null,
    byOwnWorkers: true,
    ...(isReachable
      ? {}
      : { needs: () => "own workers work for a server; start weft serve and run the workflow there" }),
    execute() {
      throw new AppError("NODE_NOT_AVAILABLE", {
        type: "worker",
        reason:
          "they are done by processes of your own, which work for a server; in a test case give the step an answer",
      });
    },
  };
}
