import { AppError, parseJson, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import type { ContainerResult, Containers } from "../sandbox/containers.ts";
import type { SandboxLimits } from "../sandbox/sandbox.ts";
import { defineNode } from "./define-node.ts";
import type { NodeExecutor, NodeTask } from "./node.ts";

const config = z.object({
  image: z.string().min(1),
  command: z.union([z.string().min(1), z.array(z.string()).min(1)]).nullish(),
  args: z.array(z.union([z.string(), z.number(), z.boolean()])).nullish(),
  inputs: z.record(z.string(), z.unknown()).nullish(),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.union([z.string(), z.number(), z.boolean()])).nullish(),
});

export interface ContainerOptions {
  readonly containers: Containers;
  readonly limits: SandboxLimits;
}

/**
 * `container {image command args inputs env}` → what the program writes to standard output: JSON where it is JSON,
 * otherwise text. It reads `inputs`, or the step's input, as JSON from standard input; lines on standard error are logs.
 *
 * Pure: it has no network and keeps no file, so doing it again is harmless.
 */
export function containerNode({ containers, limits }: ContainerOptions): NodeExecutor {
  const missing = ({ image }: JsonObject): string | null =>
    typeof image === "string" ? containers.unavailable(image) : null;
  return defineNode({
    type: "container",
    effect: "pure",
    pool: "code",
    timeoutMs: 300_000,
    config,
    unavailable: missing,
    needs: missing,
    async execute({ image, command, args, inputs, env }, task) {
      const words = [command ?? []].flat();
      return runContainer(containers, limits, task, {
        image,
        command: [...words, ...(args ?? []).map(String)],
        environment: Object.fromEntries(Object.entries(env ?? {}).map(([name, value]) => [name, String(value)])),
        stdin: JSON.stringify((inputs as JsonObject | null | undefined) ?? task.input()),
      });
    },
  });
}

interface Running {
  readonly image: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** Runs a container as the step wants it; gives its result, or throws why there is none. */
export async function runContainer(
  containers: Containers,
  limits: SandboxLimits,
  task: NodeTask,
  running: Running,
): Promise<Json> {
  const { resources } = task;
  const result = await containers.run({
    ...running,
    cpus: resources?.cpu ?? 1,
    limits: { ...limits, memoryBytes: resources?.memoryBytes ?? limits.memoryBytes },
    signal: task.signal,
    log: (level, message) => task.emit({ type: "log", level, message }),
  });
  return outputOf(result, running.image);
}

function outputOf(result: ContainerResult, image: string): Json {
  switch (result.type) {
    case "completed":
      return valueOf(result.stdout);
    case "failed": {
      const how = result.code === null ? "did not start" : `ended with exit code ${result.code}`;
      throw new AppError("CODE_FAILED", { reason: `${image} ${how}${result.last === "" ? "" : `: ${result.last}`}` });
    }
    case "stopped":
      throw new AppError("CODE_STOPPED", { reason: result.message, setting: STOPPED_BY[result.limit] });
    case "aborted":
      throw new AppError("STEP_FAILED", { reason: "it was aborted" });
  }
}

const STOPPED_BY: Readonly<Record<"time" | "memory" | "output", string>> = {
  time: "the step's timeout",
  memory: "resources.memory of the step",
  output: "WEFT_CODE_OUTPUT",
};

/** Programs that know nothing of JSON write text. */
function valueOf(stdout: string): Json {
  const text = stdout.trim();
  try {
    return text === "" ? null : parseJson(text);
  } catch {
    return stdout.endsWith("\n") ? stdout.slice(0, -1) : stdout;
  }
}
