import { AppError, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";
import type { Containers } from "../sandbox/containers.ts";
import type { Sandbox, SandboxLimits, SandboxResult } from "../sandbox/sandbox.ts";
import { runContainer } from "./container.ts";
import { defineNode } from "./define-node.ts";
import { codeOutputs } from "./dify/code.ts";
import { failedKind, isDify } from "./dify/dialect.ts";
import type { NodeExecutor } from "./node.ts";

const config = z.object({
  code: z.string().min(1, "the code is empty").nullish(),
  image: z.string().min(1).nullish(),
  inputs: z.record(z.string(), z.unknown()).nullish(),
});

export interface CodeOptions {
  readonly type: "javascript" | "python_script";
  readonly sandbox: Sandbox;
  readonly containers: Containers;
  readonly limits: SandboxLimits;
}

/** What raises a limit. */
const SETTINGS: Readonly<Record<Extract<SandboxResult, { readonly type: "stopped" }>["limit"], string>> = {
  time: "the step's timeout",
  memory: "WEFT_CODE_MEMORY",
  output: "WEFT_CODE_OUTPUT",
  machine: "the memory of the machine",
};

/**
 * `javascript {code image inputs}` and `python_script {code image inputs}` → what `main` returns. With `inputs` it is
 * called with these by name, otherwise with the step's input as one value. With `image` it runs in a container; an image
 * without code is run as it is, as a `container` step would.
 *
 * Pure in the sandbox: there is no network and no file, so whatever it does, doing it again is harmless.
 */
export function codeNode({ type, sandbox, containers, limits }: CodeOptions): NodeExecutor {
  const missing = ({ code, image }: JsonObject): string | null => {
    if (typeof image === "string") return containers.unavailable(image);
    return typeof code === "string" ? null : "it has no code; write it into code, or lay it beside the workflow";
  };
  return defineNode({
    type,
    effect: "pure",
    pool: "code",
    timeoutMs: 30_000,
    config,
    unavailable: missing,
    needs: missing,
    async execute({ code, image, inputs }, task) {
      const given = inputs as JsonObject | null | undefined;
      const call = given ? "members" : "value";
      const input = given ?? task.input();
      if (image) {
        return runContainer(containers, limits, task, {
          image,
          command: code ? LAUNCHERS[type] : [],
          environment: {},
          stdin: JSON.stringify(code ? { code, call, input } : input),
        });
      }
      if (!code) throw new AppError("NODE_NOT_AVAILABLE", { type, reason: "it has no code" });
      const result = await sandbox.run({
        reuse: `${task.tenant}/${task.workflowHash}`,
        code,
        call,
        input,
        limits,
        signal: task.signal,
        log: (level, message) => task.emit({ type: "log", level, message }),
      });
      if (!isDify(task.config)) return outputOf(result);
      try {
        return codeOutputs(task.config, outputOf(result));
      } catch (error) {
        return failedKind(error, "CodeExecutionError");
      }
    },
  });
}

/** Reads code and input from standard input, calls `main`, and writes its result; what is printed goes to the log. */
const LAUNCHERS: Readonly<Record<CodeOptions["type"], readonly string[]>> = {
  python_script: [
    "python3",
    "-c",
    [
      "import json, sys",
      "job, out, sys.stdout = json.load(sys.stdin), sys.stdout, sys.stderr",
      "space = {'__name__': 'main'}",
      "exec(compile(job['code'], 'main.py', 'exec'), space)",
      "value = space['main'](**job['input']) if job['call'] == 'members' else space['main'](job['input'])",
      "json.dump(value, out)",
    ].join("\n"),
  ],
  javascript: [
    "node",
    "-e",
    [
      "const job = JSON.parse(require('fs').readFileSync(0, 'utf8'));",
      "console.log = console.info = console.error;",
      "require('vm').runInThisContext(job.code, 'main.js');",
      "Promise.resolve(globalThis.main ? main(job.input) : require('vm').runInThisContext('main')(job.input))",
      ".then((value) => process.stdout.write(JSON.stringify(value ?? null)));",
    ].join("\n"),
  ],
};

function outputOf(result: SandboxResult): Json {
  switch (result.type) {
    case "completed":
      return result.value;
    case "failed":
      throw new AppError("CODE_FAILED", {
        reason: result.at === null ? result.message : `${result.message} (${result.at})`,
      });
    case "stopped":
      throw new AppError("CODE_STOPPED", { reason: result.message, setting: SETTINGS[result.limit] });
    case "aborted":
      throw new AppError("STEP_FAILED", { reason: "it was aborted" });
  }
}
