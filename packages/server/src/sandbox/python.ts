import { spawn, type ChildProcessByStdio } from "node:child_process";
import { randomUUID } from "node:crypto";
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { isJsonObject, parseJson, type Json } from "@weftwork/core";
import { lineOf, type ChildMessage } from "./python-wire.ts";
import type { Sandbox, SandboxJob, SandboxResult } from "./sandbox.ts";

export interface PythonSandboxOptions {
  /** Jobs at the same time; the others wait in line. Each interpreter takes about 200 MB. */
  readonly processes: number;
  /** Fresh interpreters kept in readiness once the first job has come: a start takes seconds. */
  readonly spare?: number;
  /** Folder with wheels of Pyodide's own release, such as those of numpy; null: the standard library alone. */
  readonly packages?: string | null;
}

const HERE = import.meta.dirname;
const CHILD = join(HERE, "python-child.ts");
/** What the child may read: itself, and the interpreter. */
const READABLE = ["python-child.ts", "python-wire.ts", "python-border.py", "wasm-memory.ts"].map((name) =>
  join(HERE, name),
);
/** A start on a busy machine. */
const START_MS = 60_000;
/** An interpreter that has grown by this since its first job, or is full, is not kept for the next one. */
const KEPT_GROWTH_BYTES = 64 * 1024 * 1024;
/** A line from the child: a result, escaped twice, and what stands around it. */
const LINE_FACTOR = 4;

/**
 * Code in Pyodide (CPython in WebAssembly, MPL-2.0), each interpreter in a child process under Node's permission model,
 * with an empty environment. The process is ended where the code does not end; a fresh one takes its place.
 */
export function pythonSandbox(options: PythonSandboxOptions): Sandbox {
  const { processes, spare = 1, packages = null } = options;
  const idle: Child[] = [];
  const all = new Set<Child>();
  const line: (() => void)[] = [];
  let busy = 0;
  let isClosed = false;

  function start(memoryBytes: number): Child {
    const child = new Child(memoryBytes, packages);
    all.add(child);
    void child.exited.then(() => all.delete(child));
    return child;
  }

  async function take({ reuse, limits }: SandboxJob): Promise<Child> {
    if (busy >= processes) await new Promise<void>((go) => line.push(go));
    busy += 1;
    const fits = (child: Child): boolean => !child.isOver && child.memoryBytes === limits.memoryBytes;
    const found =
      idle.find((child) => fits(child) && child.reuse === reuse) ??
      idle.find((child) => fits(child) && child.reuse === null);
    if (found) idle.splice(idle.indexOf(found), 1);
    return found ?? start(limits.memoryBytes);
  }

  function giveBack(child: Child): void {
    busy -= 1;
    if (isClosed) return child.end();
    if (!child.isOver) idle.push(child);
    const { memoryBytes } = child;
    const fresh = idle.filter(({ reuse, isOver }) => reuse === null && !isOver);
    for (let missing = spare - fresh.length; missing > 0; missing -= 1) idle.push(start(memoryBytes));
    // The oldest of those that wait for their own workflow make room.
    const used = idle.filter(({ reuse, isOver }) => reuse !== null && !isOver);
    for (const one of used.slice(0, Math.max(0, used.length - processes))) one.end();
    for (const one of idle.filter(({ isOver }) => isOver)) idle.splice(idle.indexOf(one), 1);
    line.shift()?.();
  }

  return {
    async run(job) {
      if (job.signal.aborted || isClosed) return { type: "aborted" };
      const child = await take(job);
      try {
        return job.signal.aborted || isClosed ? { type: "aborted" } : await child.run(job);
      } finally {
        giveBack(child);
      }
    },
    async close() {
      isClosed = true;
      const children = [...all];
      for (const child of children) child.end();
      for (const go of line.splice(0)) go();
      await Promise.all(children.map(({ exited }) => exited));
    },
  };
}

type Process = ChildProcessByStdio<Writable, Readable, null>;

/** One interpreter in its process, and the job it does. */
class Child {
  /** Whose code it has run; null while it is fresh. */
  reuse: string | null = null;
  isOver = false;
  readonly memoryBytes: number;
  readonly exited: Promise<void>;
  private readonly process: Process;
  private readonly ready: Promise<boolean>;
  private listener: ((message: ChildMessage) => void) | null = null;
  private bytesLeft = Infinity;
  private firstMemory = 0;
  /** The signal of somebody else that ended it. */
  private killedBy: NodeJS.Signals | null = null;

  constructor(memoryBytes: number, packages: string | null) {
    this.memoryBytes = memoryBytes;
    const pyodide = dirname(realpathSync(fileURLToPath(import.meta.resolve("pyodide/package.json"))));
    const flags = [
      "--permission",
      ...[pyodide, ...READABLE, ...(packages === null ? [] : [packages])].map((path) => `--allow-fs-read=${path}`),
      "--disallow-code-generation-from-strings",
      "--disable-proto=delete",
      "--no-warnings",
    ];
    this.process = spawn(process.execPath, [...flags, CHILD, String(memoryBytes), packages ?? ""], {
      env: {},
      cwd: pyodide,
      stdio: ["pipe", "pipe", "ignore"],
      windowsHide: true,
    });
    this.process.stdin.on("error", () => this.end());
    this.exited = new Promise<void>((resolve) => {
      this.process
        .once("error", () => resolve())
        .once("exit", (_code, signal) => {
          if (!this.isOver) this.killedBy = signal;
          resolve();
        });
    }).then(() => void (this.isOver = true));
    this.ready = this.firstMessage();
    this.process.stdout.on("data", (chunk: Buffer) => {
      this.bytesLeft -= chunk.length;
      if (this.bytesLeft < 0) this.end();
    });
    createInterface({ input: this.process.stdout }).on("line", (text) => this.take(text));
    this.rest();
  }

  end(): void {
    this.isOver = true;
    // Whoever waits for the end must live to see it.
    this.process.ref();
    this.process.kill("SIGKILL");
  }

  async run(job: SandboxJob): Promise<SandboxResult> {
    this.reuse = job.reuse;
    this.stir();
    const aborted = new Promise<"aborted">((resolve) => {
      job.signal.addEventListener("abort", () => resolve("aborted"), { once: true });
      void this.exited.then(() => resolve("aborted"));
    });
    const started = await Promise.race([this.ready, aborted]);
    if (started === "aborted" && job.signal.aborted) this.end();
    if (started !== true) return this.neverStarted(job);
    try {
      return await this.answer(job, aborted);
    } finally {
      this.listener = null;
      this.bytesLeft = Infinity;
      this.rest();
    }
  }

  private answer(
    { code, input, call, limits, log, signal }: SandboxJob,
    gone: Promise<"aborted">,
  ): Promise<SandboxResult> {
    const id = randomUUID();
    const { outputBytes, timeMs } = limits;
    this.bytesLeft = (outputBytes + 100_000) * LINE_FACTOR;
    return new Promise((resolve) => {
      const finish = (result: SandboxResult): void => {
        clearTimeout(timer);
        resolve(result);
      };
      const stop = (result: SandboxResult): void => {
        this.end();
        finish(result);
      };
      const timer = setTimeout(
        () => stop({ type: "stopped", limit: "time", message: `it ran longer than ${timeMs} ms` }),
        timeMs,
      );
      const watch = async (): Promise<void> => {
        await gone;
        if (signal.aborted) stop({ type: "aborted" });
        else if (this.bytesLeft < 0) finish({ type: "stopped", limit: "output", message: "it gave out too much" });
        else finish(endedBy(this.killedBy));
      };
      void watch();
      this.listener = (message) => {
        if (message.type === "ready" || message.id !== id) return;
        if (message.type === "log") return log(message.level, message.line);
        const result = resultOf(message.result);
        this.firstMemory ||= message.memoryBytes;
        // What it has taken it never gives back.
        const isFull = result.type === "stopped" && result.limit === "memory";
        if (isFull || message.memoryBytes > this.firstMemory + KEPT_GROWTH_BYTES) this.end();
        finish(result);
      };
      this.process.stdin.write(lineOf({ id, code, input: JSON.stringify(input), call, outputBytes }));
    });
  }

  private async neverStarted({ signal }: SandboxJob): Promise<SandboxResult> {
    this.end();
    await this.exited;
    if (signal.aborted) return { type: "aborted" };
    return { type: "failed", message: "the interpreter did not start", at: null };
  }

  private firstMessage(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), START_MS);
      timer.unref();
      this.listener = ({ type }) => {
        clearTimeout(timer);
        resolve(type === "ready");
      };
    });
  }

  private take(text: string): void {
    let message: ChildMessage;
    try {
      message = JSON.parse(text) as ChildMessage;
    } catch {
      // No child of ours writes such a line: whatever it is, it is not to be trusted any more.
      return this.end();
    }
    this.listener?.(message);
  }

  /** An idle child does not keep this process alive. */
  private rest(): void {
    this.process.unref();
    for (const pipe of [this.process.stdin, this.process.stdout]) (pipe as Partial<NodeJS.RefCounted>).unref?.();
  }

  private stir(): void {
    this.process.ref();
    for (const pipe of [this.process.stdin, this.process.stdout]) (pipe as Partial<NodeJS.RefCounted>).ref?.();
  }
}

/** A process that somebody else kills is, as a rule, the largest one of a system without memory. */
function endedBy(signal: NodeJS.Signals | null): SandboxResult {
  if (signal === null) return { type: "failed", message: "the interpreter's process ended", at: null };
  const message = `its interpreter was killed (${signal}), as a system does that has no memory left`;
  return { type: "stopped", limit: "machine", message };
}

/** The answer of the border, checked: code that reached the border could have written another. */
function resultOf(text: string): SandboxResult {
  const broken: SandboxResult = { type: "failed", message: "the interpreter gave no result", at: null };
  let result: Json;
  try {
    result = parseJson(text);
    if (!isJsonObject(result)) return broken;
    const { type, json, message, at, limit } = result;
    if (type === "completed" && typeof json === "string") return { type, value: parseJson(json) };
    if (typeof message !== "string") return broken;
    if (type === "stopped" && (limit === "memory" || limit === "output")) return { type, limit, message };
    if (type === "failed") return { type, message, at: typeof at === "string" ? at : null };
  } catch (error) {
    return { type: "failed", message: `main returned what is not JSON: ${(error as Error).message}`, at: null };
  }
  return broken;
}
