import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { NodeExecutor } from "../index.ts";
import { UsageError } from "./exit.ts";

/**
 * The nodes that a module of the user's own exports: each export made with `defineNode`, or a list of them. The module
 * is TypeScript or JavaScript and is loaded whole before anything runs, so it cannot wait at its top level.
 */
export function ownNodes(path: string | undefined): readonly NodeExecutor[] {
  if (path === undefined) return [];
  const file = resolve(path);
  if (!existsSync(file)) throw new UsageError(`There is no file ${path}.`);
  let exported: unknown;
  try {
    // The user names the module, so no import of ours can.
    exported = createRequire(file)(file);
  } catch (error) {
    throw new UsageError(`The nodes of ${path} cannot be loaded: ${(error as Error).message}`);
  }
  const values = typeof exported === "object" && exported !== null ? Object.values(exported) : [];
  const nodes = new Set(values.flat().filter((value) => isNode(value)));
  if (nodes.size === 0) throw new UsageError(`${path} exports no nodes. Export what defineNode({…}) returns.`);
  return [...nodes];
}

function isNode(value: unknown): value is NodeExecutor {
  if (typeof value !== "object" || value === null) return false;
  const { type, execute } = value as { type?: unknown; execute?: unknown };
  return typeof type === "string" && typeof execute === "function";
}
