import { AppError } from "@weftwork/core";
import { z } from "zod";
import { defineNode } from "./define-node.ts";
import type { NodeExecutor } from "./node.ts";

/**
 * Work that the language knows and this version does not do yet. Such steps are read, checked and planned like any
 * other, so that a workflow can be written or imported today; running one fails with what is missing and the remedy.
 */
const REASONS: Readonly<Record<string, { readonly pool: string; readonly reason: string }>> = {
  worker: {
    pool: "default",
    reason: "steps done by your own process are not part of this version; call that process with an http step",
  },
};

/** Executors for all such types. */
export function unavailableNodes(): NodeExecutor[] {
  return Object.entries(REASONS).map(([type, { pool, reason }]) =>
    defineNode({
      type,
      pool,
      effect: "pure",
      config: z.unknown(),
      unavailable: () => reason,
      execute() {
        throw new AppError("NODE_NOT_AVAILABLE", { type, reason });
      },
    }),
  );
}
