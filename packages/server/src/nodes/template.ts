import type { Json } from "@weftwork/core";
import { z } from "zod";
import { defineNode } from "./define-node.ts";
import { isDify } from "./dify/dialect.ts";
import { templateOutput } from "./dify/template.ts";
import type { NodeExecutor } from "./node.ts";

/**
 * `template {template}` → text. The engine has rendered the text before it comes here; a template that is exactly one
 * expression keeps that value's type.
 */
export function templateNode(): NodeExecutor {
  return defineNode({
    type: "template",
    effect: "pure",
    config: z.object({ template: z.unknown() }),
    execute: ({ template }, { config }) => (isDify(config) ? templateOutput(config, template as Json) : template),
  });
}
