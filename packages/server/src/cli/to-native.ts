import type { Workflow } from "@weftwork/core";
export function nativeYaml(_workflow: Workflow): { readonly text: string } | { readonly left: readonly string[] } {
  return { left: [] };
}
