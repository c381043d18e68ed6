import type { Json } from "../base/json.ts";
import type { Problem, Workflow } from "../workflow/workflow.ts";
import { readYaml } from "../workflow/yaml-document.ts";
import { recogniseFile } from "./file.ts";
import type { ImportOptions } from "./options.ts";
import type { ImportReport } from "./report.ts";
import { workflowOf } from "./workflow.ts";

export type { ImportOptions } from "./options.ts";

export interface DifyImport {
  /** Null when any problem is an error: the file cannot run as it is. */
  readonly workflow: Workflow | null;
  /** Null when the text holds no graph at all. */
  readonly report: ImportReport | null;
  /** In the order of the text. */
  readonly problems: readonly Problem[];
  /** The file as data, unknown keys and all, for `exportDify`; null when the text cannot be read. */
  readonly document: Json;
}

/**
 * Reads a Dify file (DSL 0.1 to 0.7, YAML or JSON) or a bare graph. Never throws, runs nothing and fetches nothing.
 * Nodes that cannot be done here do not stand in the way: only a run that comes to one fails.
 */
export function importDify(source: string, options: ImportOptions = {}): DifyImport {
  const { data, locator, problems } = readYaml(source);
  const document = data ?? null;
  const file = data === undefined ? null : recogniseFile(data, problems);
  if (file === null) return { workflow: null, report: null, problems: problems.toArray(), document };
  const { workflow, report } = workflowOf(file, options, problems, locator);
  return { workflow: problems.hasErrors ? null : workflow, report, problems: problems.toArray(), document };
}
