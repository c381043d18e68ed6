import { isJsonObject, type Json } from "../base/json.ts";
import type { Problem, Workflow } from "../workflow/workflow.ts";
import { readYaml, type YamlDocument } from "../workflow/yaml-document.ts";
import { isDifyDocument, recogniseFile } from "./file.ts";
import { ownOptions, type ImportOptions } from "./options.ts";
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
  return imported(readYaml(source), options);
}

/** The same for a text that may be a native workflow; null when it is none of Dify's. Native texts cost little here. */
export function importIfDify(source: string, options: ImportOptions = {}): DifyImport | null {
  if (!MAY_BE_DIFY.test(source)) return null;
  const read = readYaml(source);
  return read.data !== undefined && isDifyDocument(read.data) ? imported(read, options) : null;
}

/** A key that every file of Dify has, wherever it stands. */
const MAY_BE_DIFY = /(?:^|[\s{,"'])(?:app|graph|nodes)["']?\s*:/;

function imported({ data, locator, problems }: YamlDocument, options: ImportOptions): DifyImport {
  const document = data ?? null;
  const file = data === undefined ? null : recogniseFile(data, problems);
  if (file === null) return { workflow: null, report: null, problems: problems.toArray(), document };
  const own = isJsonObject(document) ? ownOptions(document) : {};
  const { workflow, report } = workflowOf(file, { ...own, ...options }, problems, locator);
  return { workflow: problems.hasErrors ? null : workflow, report, problems: problems.toArray(), document };
}
