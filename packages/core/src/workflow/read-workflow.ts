import { parseDuration } from "../base/duration.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { checkMap, valueOf } from "./check-fields.ts";
import { WORKFLOW_FIELDS } from "./fields.ts";
import { readInputs } from "./inputs.ts";
import { pointerPart, shown } from "./problems.ts";
import { readSteps } from "./read-steps.ts";
import type { StepReading } from "./step-reading.ts";
import { readPriority } from "./work-step.ts";
import type { ConcurrencyPolicy, Workflow } from "./workflow.ts";

export const WORKFLOW_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;
const NAME_DEFAULT = "workflow";
const SEMVER =
  /^(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/** Reads the fields of a workflow and its steps. Always returns one; it is worth something only without errors. */
export function readWorkflow(map: JsonObject, pointer: string, reading: StepReading): Workflow {
  // Steps and version are checked below, where more can be said.
  const { version, steps, ...rest } = map;
  checkMap(
    {
      ...rest,
      ...(steps == null ? {} : { steps }),
      ...(typeof version === "number" ? {} : version == null ? {} : { version }),
    },
    WORKFLOW_FIELDS,
    "The workflow",
    pointer,
    reading,
  );
  const name = readName(valueOf(map, "name"), pointer, reading);
  const description = valueOf(map, "description");
  const retention = valueOf(map, "retention");
  const keepMs = parseDuration(isJsonObject(retention) ? valueOf(retention, "keep") : retention);
  const outputs = valueOf(map, "outputs");
  const env = valueOf(map, "env");
  return {
    name,
    version: readVersion(valueOf(map, "version"), pointer + "/version", reading),
    description: typeof description === "string" ? description : null,
    inputs: readInputs(valueOf(map, "inputs"), pointer + "/inputs", reading),
    outputs: isJsonObject(outputs) ? outputs : null,
    steps: readSteps(valueOf(map, "steps"), pointer + "/steps", 1, reading),
    timeoutMs: parseDuration(valueOf(map, "timeout")),
    concurrency: readConcurrency(valueOf(map, "concurrency"), name),
    priority: readPriority(valueOf(map, "priority")) ?? "normal",
    retention: keepMs === null ? null : { keepMs },
    env: isJsonObject(env) ? env : {},
  };
}

/** The fields of a text, either below `workflow:` or at its top, and the pointer to them. */
export function findWorkflow(
  data: Json,
  reading: StepReading,
): { readonly map: JsonObject; readonly pointer: string } | null {
  const { problems } = reading;
  if (!isJsonObject(data)) {
    problems.error({
      code: data === null ? "empty" : "wrong_type",
      message: data === null ? "The text is empty." : `A workflow must be a map, and the text is ${shown(data)}.`,
      suggestion: "Begin with workflow:, and below it name: and steps:.",
      pointer: "",
    });
    return null;
  }
  const wrapped = valueOf(data, "workflow");
  if (isDify(data, wrapped)) {
    problems.error({
      code: "dify_file",
      message: "This is a Dify file (DSL), not a native workflow.",
      suggestion: "Dify files are brought in with weft import, which comes in a later version.",
      pointer: "",
    });
    return null;
  }
  if (!isJsonObject(wrapped)) return { map: data, pointer: "" };
  for (const name of Object.keys(data)) {
    if (name === "workflow" || name.startsWith("x-")) continue;
    problems.error({
      code: "unknown_field",
      message: `${shown(name)} stands beside workflow.`,
      suggestion: Object.hasOwn(WORKFLOW_FIELDS.fields, name)
        ? "Move it below workflow:."
        : "Remove it; notes of your own begin with x-.",
      pointer: pointerPart(name),
      atKey: true,
    });
  }
  return { map: wrapped, pointer: "/workflow" };
}

function isDify(data: JsonObject, workflow: Json): boolean {
  if (isJsonObject(workflow) && isJsonObject(valueOf(workflow, "graph"))) return true;
  // A graph without the app around it, as Dify's own tools pass it on.
  if (Array.isArray(valueOf(data, "nodes")) && Array.isArray(valueOf(data, "edges"))) return true;
  return (
    isJsonObject(valueOf(data, "app")) &&
    valueOf(data, "steps") === null &&
    !(isJsonObject(workflow) && "steps" in workflow)
  );
}

function readName(value: Json, pointer: string, { problems }: StepReading): string {
  if (value === null) {
    problems.warning({
      code: "missing_name",
      message: `The workflow has no name and is called ${NAME_DEFAULT}.`,
      suggestion: "Write name: and a name of its own.",
      pointer,
    });
    return NAME_DEFAULT;
  }
  if (typeof value !== "string") return NAME_DEFAULT; // Reported by the table.
  if (WORKFLOW_NAME.test(value)) return value;
  const cleaned = value
    .slice(0, 200)
    .trim()
    .replaceAll(/[^A-Za-z0-9_.-]+/g, "_")
    .replace(/^[_.-]+/, "")
    .slice(0, 100);
  problems.error({
    code: "invalid_name",
    message: `${shown(value)} cannot be the name of a workflow: letters, digits, _, . and -, at most 100, beginning with a letter or digit.`,
    suggestion: WORKFLOW_NAME.test(cleaned) ? `Write name: ${cleaned}.` : null,
    pointer: pointer + "/name",
  });
  return NAME_DEFAULT;
}

function readVersion(value: Json, pointer: string, { problems }: StepReading): string | null {
  if (value === null || (typeof value !== "string" && typeof value !== "number")) return null;
  const text = String(value);
  if (typeof value === "string" && text.length <= 200 && SEMVER.test(text)) return text;
  const parts = /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?$/.exec(text.trim());
  problems.error({
    code: "invalid_version",
    message: `version must be a semantic version in three parts, as text, and is ${shown(value)}.`,
    suggestion: parts
      ? `Write version: "${[1, 2, 3].map((i) => Number(parts[i] ?? 0)).join(".")}".`
      : 'Write version: "1.0.0".',
    pointer,
  });
  return null;
}

function readConcurrency(value: Json, name: string): ConcurrencyPolicy | null {
  if (!isJsonObject(value)) return null;
  const [key, limit, strategy] = [valueOf(value, "key"), valueOf(value, "limit"), valueOf(value, "strategy")];
  return {
    key: typeof key === "string" ? key : name,
    limit: typeof limit === "number" ? limit : 1,
    strategy: strategy === "reject" || strategy === "cancel_running" ? strategy : "queue",
  };
}
