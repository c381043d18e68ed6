/** How far a kind of node can be done here. */
export type Support = "runs" | "runs_with_difference" | "needs_configuration" | "not_supported";

export interface NodeSupport {
  /** Type in the file. */
  readonly kind: string;
  /** What it becomes here: a step type, or nothing where it is part of another step. */
  readonly step: string;
  /** What holds of it in every file; single nodes may need more (see the report of an import). */
  readonly support: Support;
  /** What differs, what it needs, or why it cannot run. Empty when there is nothing to say. */
  readonly about: string;
}

const row = (kind: string, step: string, support: Support, about: string): NodeSupport => ({
  kind,
  step,
  support,
  about,
});

const MODEL = "The model it names must be known here under its name, or a route must lead there.";
const PIPELINE = "Knowledge pipelines are not run; documents are brought in through the knowledge service.";

/** Every kind of node that files have. `docs/dify.md` shows this table, and a test holds both equal. */
export const NODE_SUPPORT: readonly NodeSupport[] = [
  row("start", "start", "runs", ""),
  row("end", "end", "runs", ""),
  row("answer", "answer", "runs", ""),
  row("llm", "model_inference", "needs_configuration", MODEL),
  row("knowledge-retrieval", "retrieval", "needs_configuration", "The data sets it names must exist here."),
  row("if-else", "switch", "runs", ""),
  row("code", "python_script, javascript", "runs", ""),
  row("template-transform", "template", "runs", ""),
  row("question-classifier", "classify", "needs_configuration", MODEL),
  row("parameter-extractor", "extract", "needs_configuration", MODEL),
  row("http-request", "http", "runs", ""),
  row(
    "tool",
    "tool",
    "needs_configuration",
    "The tool it names must be set up here: built in, OpenAPI, MCP or a workflow.",
  ),
  row("variable-aggregator", "aggregate", "runs", ""),
  row("variable-assigner", "aggregate", "runs", "Old name of variable-aggregator."),
  row("assigner", "assign", "runs", ""),
  row("list-operator", "list", "runs", ""),
  row("document-extractor", "document", "runs", ""),
  row("iteration", "for_each", "runs", ""),
  row("iteration-start", "", "runs", "Part of its iteration."),
  row("loop", "loop", "runs", ""),
  row("loop-start", "", "runs", "Part of its loop."),
  row("loop-end", "aggregate", "runs", ""),
  row("agent", "agent", "needs_configuration", `${MODEL} Its tools must be set up here.`),
  row("human-input", "approval", "runs", ""),
  row("trigger-webhook", "start", "runs", "Receives requests once the workflow is published."),
  row(
    "trigger-schedule",
    "start",
    "runs_with_difference",
    "Runs by its times once it is enabled with weft triggers enable, or when it is started by hand.",
  ),
  row(
    "trigger-plugin",
    "start",
    "runs_with_difference",
    "Runs when it is started by hand; the plugin's events do not come.",
  ),
  row("datasource", "", "not_supported", PIPELINE),
  row("knowledge-index", "", "not_supported", PIPELINE),
];

const BY_KIND: ReadonlyMap<string, NodeSupport> = new Map(NODE_SUPPORT.map((one) => [one.kind, one]));

/** The row of a kind; a kind that is not in the table cannot run, and that is said of it. */
export function supportOf(kind: string): NodeSupport {
  return (
    BY_KIND.get(kind) ??
    row(kind, "", "not_supported", `Nodes of type ${kind || "(none)"} are not known here; the file keeps them.`)
  );
}
