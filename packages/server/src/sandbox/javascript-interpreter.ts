import build from "@jitl/quickjs-wasmfile-release-sync";
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  Scope,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSSyncVariant,
  type QuickJSWASMModule,
} from "quickjs-emscripten-core";
import type { ThreadJob, ThreadResult } from "./javascript-wire.ts";

/** Its types describe the CommonJS file, where the build is a member; what is imported is the build itself. */
const RELEASE = build as unknown as QuickJSSyncVariant;
const PAGE_BYTES = 65_536;
/** What the build of QuickJS begins with. */
const PAGES_MIN = 256;
const KEPT_PAGES_MAX = 2 * PAGES_MIN;
/** Of the interpreter's own stack; below what the build gives WebAssembly, so that deep recursion is an error inside. */
const STACK_BYTES = 512 * 1024;
const LEVELS = { log: "info", info: "info", debug: "info", warn: "warn", error: "error" } as const;

type Level = "info" | "warn" | "error";
type Log = (level: Level, line: string) => void;

/**
 * One QuickJS in one WebAssembly memory of a fixed size. A job gets a runtime and a context of its own, which end with
 * it. QuickJS's own memory limit does not hold; that of the memory it lives in does.
 */
export class Interpreter {
  readonly reuse: string;
  readonly memoryBytes: number;
  /** Not to be used again. */
  isSpent = false;
  private readonly quickjs: QuickJSWASMModule;
  private readonly memory: WebAssembly.Memory;

  private constructor(quickjs: QuickJSWASMModule, memory: WebAssembly.Memory, reuse: string, memoryBytes: number) {
    this.quickjs = quickjs;
    this.memory = memory;
    this.reuse = reuse;
    this.memoryBytes = memoryBytes;
  }

  static async open(wasmModule: WebAssembly.Module, reuse: string, memoryBytes: number): Promise<Interpreter> {
    const maximum = Math.max(PAGES_MIN, Math.floor(memoryBytes / PAGE_BYTES));
    const wasmMemory = new WebAssembly.Memory({ initial: PAGES_MIN, maximum });
    const variant = newVariant(RELEASE, { wasmModule, wasmMemory });
    return new Interpreter(await newQuickJSWASMModuleFromVariant(variant), wasmMemory, reuse, memoryBytes);
  }

  run(job: ThreadJob, log: Log): ThreadResult {
    const deadline = performance.now() + job.timeMs;
    let isLate = false;
    try {
      const isGrown = (): boolean => this.memory.buffer.byteLength > KEPT_PAGES_MAX * PAGE_BYTES;
      const result = Scope.withScope((scope) => {
        const runtime = scope.manage(this.quickjs.newRuntime());
        runtime.setMaxStackSize(STACK_BYTES);
        runtime.setInterruptHandler(() => {
          isLate ||= performance.now() > deadline;
          return isLate;
        });
        const context = scope.manage(runtime.newContext());
        return new Evaluation({ scope, context, runtime, job, log, isGrown }).result();
      });
      if (isLate) return this.spent({ type: "stopped", limit: "time", message: lateMessage(job) });
      // It only ever grows. One that has grown much is not kept for the next job.
      return isGrown() || result.type === "stopped" ? this.spent(result) : result;
    } catch (error) {
      // The memory is full, or the interpreter has ended itself: WebAssembly has trapped.
      if (isLate) return this.spent({ type: "stopped", limit: "time", message: lateMessage(job) });
      const reason = error instanceof Error ? error.message : String(error);
      if (/memory|unreachable|Aborted/i.test(reason)) {
        return this.spent({ type: "stopped", limit: "memory", message: memoryMessage(job) });
      }
      return this.spent({ type: "failed", message: `the interpreter ended: ${reason}`, at: null });
    }
  }

  private spent(result: ThreadResult): ThreadResult {
    this.isSpent = true;
    return result;
  }
}

export function lateMessage({ timeMs }: Pick<ThreadJob, "timeMs">): string {
  return `it ran longer than ${timeMs} ms`;
}

function memoryMessage({ memoryBytes }: ThreadJob): string {
  return `it needed more than ${memoryBytes} bytes of memory`;
}

type Answer = { readonly value: QuickJSHandle } | { readonly fault: ThreadResult };

interface Surroundings {
  /** Ends every handle before the context and the runtime: QuickJS insists. */
  readonly scope: Scope;
  readonly context: QuickJSContext;
  readonly runtime: QuickJSRuntime;
  readonly job: ThreadJob;
  readonly log: Log;
  /** Much of the memory has been used: it grows in large steps, and the last may not fit below the limit. */
  readonly isGrown: () => boolean;
}

/** One job in its context. What the code could replace is taken hold of before the code runs. */
class Evaluation {
  private readonly scope: Scope;
  private readonly context: QuickJSContext;
  private readonly runtime: QuickJSRuntime;
  private readonly job: ThreadJob;
  private readonly log: Log;
  private readonly isGrown: () => boolean;
  private printed = 0;
  private isTooLoud = false;

  constructor({ scope, context, runtime, job, log, isGrown }: Surroundings) {
    this.scope = scope;
    this.context = context;
    this.runtime = runtime;
    this.job = job;
    this.log = log;
    this.isGrown = isGrown;
  }

  result(): ThreadResult {
    const { context, job } = this;
    this.addConsole();
    const json = this.member(context.global, "JSON");
    const parse = this.member(json, "parse");
    const stringify = this.member(json, "stringify");
    const isPromise = this.evaluate("(value) => value instanceof Promise", "border.js");
    if ("fault" in isPromise) return isPromise.fault;
    const loaded = this.evaluate(job.code, "main.js");
    if ("fault" in loaded) return loaded.fault;
    const main = this.evaluate("typeof main === 'function' ? main : null", "main.js");
    if ("fault" in main) return main.fault;
    if (context.typeof(main.value) !== "function") {
      return { type: "failed", message: "it defines no function main: write function main(inputs) { … }", at: null };
    }
    const input = this.call(parse, this.scope.manage(context.newString(job.input)));
    if ("fault" in input) return input.fault;
    const returned = this.call(main.value, input.value);
    if ("fault" in returned) return returned.fault;
    const settled = this.settle(returned.value, isPromise.value);
    if ("fault" in settled) return settled.fault;
    const text = this.call(stringify, settled.value);
    return "fault" in text ? text.fault : this.taken(settled.value, text.value);
  }

  /** Lets the promise that `main` returned, if it did, come to its end: there is nothing outside to wait for. */
  private settle(returned: QuickJSHandle, isPromise: QuickJSHandle): Answer {
    const { context, runtime } = this;
    const asked = this.call(isPromise, returned);
    if ("fault" in asked || context.dump(asked.value) !== true) return { value: returned };
    const jobs = runtime.executePendingJobs();
    if (jobs.error) return { fault: this.fault(this.scope.manage(jobs.error)) };
    const state = context.getPromiseState(returned);
    if (state.type === "fulfilled") return { value: this.scope.manage(state.value) };
    if (state.type === "rejected") return { fault: this.fault(this.scope.manage(state.error)) };
    return { fault: { type: "failed", message: "main returned a promise that nothing resolves", at: null } };
  }

  private taken(value: QuickJSHandle, text: QuickJSHandle): ThreadResult {
    const { context, job } = this;
    if (context.typeof(text) !== "string") {
      if (context.typeof(value) === "undefined") return { type: "completed", json: "null" };
      return { type: "failed", message: `main returned a ${context.typeof(value)}, which is not JSON`, at: null };
    }
    // Asked first: a text that is too long need not be carried over the border.
    const json = this.lengthOf(text) > job.outputBytes ? null : context.getString(text);
    if (json === null || Buffer.byteLength(json) > job.outputBytes) {
      return { type: "stopped", limit: "output", message: `its result has more than ${job.outputBytes} bytes` };
    }
    return { type: "completed", json };
  }

  private evaluate(code: string, name: string): Answer {
    return this.answer(this.context.evalCode(code, name, { type: "global" }));
  }

  private call(callee: QuickJSHandle, argument: QuickJSHandle): Answer {
    return this.answer(this.context.callFunction(callee, this.context.undefined, argument));
  }

  private answer(result: ReturnType<QuickJSContext["evalCode"]>): Answer {
    return result.error
      ? { fault: this.fault(this.scope.manage(result.error)) }
      : { value: this.scope.manage(result.value) };
  }

  private member(object: QuickJSHandle, name: string): QuickJSHandle {
    return this.scope.manage(this.context.getProp(object, name));
  }

  private lengthOf(text: QuickJSHandle): number {
    return this.context.getNumber(this.member(text, "length"));
  }

  private addConsole(): void {
    const { context } = this;
    const console = context.newObject();
    for (const [name, level] of Object.entries(LEVELS)) {
      const print = context.newFunction(name, (...values) => this.print(level, values));
      context.setProp(console, name, print);
      print.dispose();
    }
    context.setProp(context.global, "console", console);
    console.dispose();
  }

  private print(level: Level, values: readonly QuickJSHandle[]): void {
    if (this.isTooLoud) return;
    const line = values.map((value) => this.shown(value)).join(" ");
    this.printed += Buffer.byteLength(line) + 1;
    if (this.printed > this.job.outputBytes) {
      this.isTooLoud = true;
      this.log("warn", `what was printed after ${this.job.outputBytes} bytes is left out`);
      return;
    }
    this.log(level, line);
  }

  private shown(value: QuickJSHandle): string {
    const { context } = this;
    if (context.typeof(value) === "string") return this.clipped(value);
    const shown: unknown = context.dump(value);
    return typeof shown === "object" && shown !== null ? JSON.stringify(shown) : String(shown);
  }

  private clipped(text: QuickJSHandle): string {
    const length = this.lengthOf(text);
    return length > this.job.outputBytes ? `(a text of ${length} characters)` : this.context.getString(text);
  }

  /** What was thrown, as a sentence with its place. It may be anything, also something that throws when it is read. */
  private fault(error: QuickJSHandle): ThreadResult {
    const { context } = this;
    const name = this.textOf(error, "name");
    const message = this.textOf(error, "message");
    const stack = this.textOf(error, "stack") ?? "";
    // With no memory left not even the error can be read.
    if ((name === "InternalError" && message === "out of memory") || (message === null && this.isGrown())) {
      return { type: "stopped", limit: "memory", message: memoryMessage(this.job) };
    }
    const [, line, column] = /main\.js:(\d+)(?::(\d+))?/.exec(stack) ?? [];
    const at = line === undefined ? null : `line ${line}${column === undefined ? "" : `, column ${column}`}`;
    if (message !== null) return { type: "failed", message: `${name ?? "Error"}: ${message}`, at };
    const shown = context.typeof(error) === "string" ? this.clipped(error) : context.typeof(error);
    return { type: "failed", message: `it threw ${shown}`, at };
  }

  private textOf(object: QuickJSHandle, name: string): string | null {
    const { context } = this;
    const kind = context.typeof(object);
    if (kind !== "object" && kind !== "function") return null;
    try {
      const value = this.member(object, name);
      return context.typeof(value) === "string" ? this.clipped(value).slice(0, 2000) : null;
    } catch {
      // A getter that throws, or a proxy that does: then there is nothing to tell.
      return null;
    }
  }
}
