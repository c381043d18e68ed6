import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { AppError, readYaml, type Json } from "@weftwork/core";
import { pointerPart, type ConfigMistake, type Environment } from "../gateway/variables.ts";
import type { SecretSource } from "../secrets/secrets.ts";
import { Credentials } from "./credentials.ts";
import { mcpTools } from "./mcp/mcp-tools.ts";
import { openApiTools } from "./openapi/openapi-tools.ts";
import { readOpenApi, type OpenApiReading } from "./openapi/operations.ts";
import { Requester, type HttpTasks } from "./requests.ts";
import type { Toolbox, ToolSet } from "./tool.ts";
import { toolbox } from "./toolbox.ts";
import { readToolsConfig, type ToolSetConfig } from "./tools-config.ts";
import { workflowTool, type ToolWorkflows } from "./workflow-tools.ts";

/** Bytes of one OpenAPI description. */
const DESCRIPTION_BYTES_MAX = 5_000_000;

export interface OpenToolboxOptions {
  /** The section `tools` of the configuration; null: there is none. */
  readonly config: Json;
  /** Where the files are that it names. */
  readonly folder: string;
  readonly environment: Environment;
  readonly http: HttpTasks;
  /** Null where nothing leaves the process. */
  readonly secrets: SecretSource | null;
  readonly workflows: ToolWorkflows;
  readonly now: () => number;
}

/** The toolbox of a process. Reads the files that the configuration names, and asks nobody. Throws `CONFIGURATION_INVALID`. */
export function openToolbox(options: OpenToolboxOptions): Toolbox {
  const { config, folder, environment, http, workflows, now } = options;
  const read = config === null ? { sets: [], mistakes: [] } : readToolsConfig(config, environment);
  const mistakes: ConfigMistake[] = [...read.mistakes];
  const sets: ToolSet[] = [];
  for (const set of read.sets) {
    const opened = openSet(set, folder, options, mistakes);
    if (opened) sets.push(opened);
  }
  if (mistakes.length === 0) return toolbox({ sets, http, workflows, now });
  const told = mistakes.map(({ pointer, message }) => ({ pointer, message }));
  throw new AppError("CONFIGURATION_INVALID", {
    count: told.length,
    first: `${told[0]!.pointer} ${told[0]!.message}`,
    mistakes: told,
  });
}

function openSet(
  set: ToolSetConfig,
  folder: string,
  { http, secrets, workflows }: OpenToolboxOptions,
  mistakes: ConfigMistake[],
): ToolSet | null {
  const { name } = set;
  if (set.kind === "workflow") {
    return {
      name,
      known: [name],
      open: async (task) => ({
        tools: [{ ...(await workflowTool(set, workflows, task)), name }],
        close: async () => undefined,
      }),
    };
  }
  const { url, headers, auth, hidden, only, timeoutMs } = set;
  const credentials = new Credentials({ headers, auth, hidden, url, secrets });
  const requester = new Requester({ http, credentials, timeoutMs });
  if (set.kind === "mcp") return mcpTools({ name, url, requester, only });
  const pointer = `/tools${pointerPart(name)}`;
  const reading = readDescription(resolve(folder, set.file), `${pointer}/file`, mistakes);
  if (reading === null) return null;
  const operations = reading.operations.filter((operation) => only === null || only.includes(operation.name));
  const missing = (only ?? []).filter((one) => !operations.some((operation) => operation.name === one));
  if (missing.length > 0 || operations.length === 0) {
    const why = reading.leftOut.map(({ operation, reason }) => `${operation}: ${reason}`).slice(0, 3);
    const message = `${set.file} has no usable operation ${missing.join(", ")}`.trim();
    mistakes.push({ pointer, message: [message, ...why].join("; "), suggestion: null });
    return null;
  }
  return openApiTools({ name, operations, url, requester });
}

function readDescription(path: string, pointer: string, mistakes: ConfigMistake[]): OpenApiReading | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    mistakes.push({ pointer, message: `the file ${path} cannot be read (${code})`, suggestion: null });
    return null;
  }
  const { data, problems } = readYaml(text, DESCRIPTION_BYTES_MAX);
  const reading = data === undefined ? null : readOpenApi(data);
  if (reading !== null) return reading;
  const [first] = problems.toArray();
  const reason = first ? `line ${first.place.line}: ${first.message}` : "openapi is not 3.0 or 3.1";
  mistakes.push({ pointer, message: `${path} is no OpenAPI description (${reason})`, suggestion: null });
  return null;
}
