import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import type { ContainerEngine } from "./container-engine.ts";
import { hasImage } from "./container-engine.ts";
import type { ContainerJob, ContainerResult, Containers } from "./containers.ts";
import type { SandboxJob } from "./sandbox.ts";

/** How long "it is there" holds, so that a busy workflow does not ask for every run. */
const KNOWN_MS = 30_000;
/** What a program gets when it is killed, which the kernel also does to one that takes too much memory. */
const KILLED = 137;
const LAST_LINES = 20;
/** nobody */
const USER = "65534:65534";

export interface ContainersOptions {
  readonly find: () => ContainerEngine | null;
  readonly now: () => number;
}

/**
 * Containers by podman or docker. Each is without network, capabilities, privileges and writable files besides `/tmp`,
 * runs as nobody, and has limits of memory, cores, processes and open files. Images are never fetched.
 */
export function containers({ find, now }: ContainersOptions): Containers {
  let engine: ContainerEngine | null = null;
  const known = new Map<string, number>();
  const running = new Map<string, () => void>();

  function unavailable(image: string): string | null {
    if (!/^[a-z0-9][\w./:@-]{0,254}$/i.test(image)) return `${JSON.stringify(image)} is no name of an image`;
    engine ??= find();
    if (engine === null) {
      return "containers need podman or docker, and neither answers here; install one (on Debian: apt install podman runc)";
    }
    if (now() - (known.get(image) ?? -Infinity) < KNOWN_MS) return null;
    if (!hasImage(engine, image)) {
      return `the image ${image} is not on this machine; fetch it (${engine.command} pull ${image}) or build it`;
    }
    known.set(image, now());
    return null;
  }

  return {
    unavailable,
    async run(job) {
      const reason = unavailable(job.image);
      if (reason !== null || engine === null) return { type: "failed", code: null, last: reason ?? "" };
      return runOne(engine, job, running);
    },
    async close() {
      for (const end of running.values()) end();
    },
  };
}

function runArguments({ flags }: ContainerEngine, name: string, job: ContainerJob): readonly string[] {
  const { image, command, environment, cpus, limits } = job;
  const isolation = [
    ["--pull", "never"],
    ["--log-driver", "none"],
    ["--network", "none"],
    ["--read-only", "--tmpfs", "/tmp:rw,size=64m"],
    ["--user", USER],
    ["--cap-drop", "all", "--security-opt", "no-new-privileges"],
    ["--pids-limit", "128"],
    // Stated, because some hosts refuse what the engine would ask for by itself.
    ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=256:256"],
    ["--memory", String(limits.memoryBytes), "--memory-swap", String(limits.memoryBytes), "--cpus", String(cpus)],
  ];
  return [
    ...flags,
    "run",
    "--rm",
    "--interactive",
    "--name",
    name,
    ...isolation.flat(),
    ...Object.entries(environment).flatMap(([key, value]) => ["--env", `${key}=${value}`]),
    ...(command.length === 0 ? [] : ["--entrypoint", command[0]!]),
    image,
    ...command.slice(1),
  ];
}

async function runOne(
  engine: ContainerEngine,
  job: ContainerJob,
  running: Map<string, () => void>,
): Promise<ContainerResult> {
  const { limits, signal, log } = job;
  if (signal.aborted) return { type: "aborted" };
  const name = `weft-${randomUUID()}`;
  // The engine's program needs its own environment; the container gets none of it.
  const child = spawn(engine.command, runArguments(engine, name, job), { stdio: ["pipe", "pipe", "pipe"] });
  const { promise, resolve } = Promise.withResolvers<ContainerResult>();
  let verdict: ContainerResult | null = null;
  /** Ends the container first: ending the engine's program alone would leave it running. */
  const stop = (result: ContainerResult): void => {
    if (verdict !== null) return;
    verdict = result;
    spawn(engine.command, [...engine.flags, "kill", name], { stdio: "ignore" })
      .on("error", () => child.kill("SIGKILL"))
      // A container that is not there yet cannot be killed: then its program is.
      .on("exit", (code) => void (code !== 0 && child.kill("SIGKILL")));
  };
  running.set(name, () => stop({ type: "aborted" }));
  const onAbort = (): void => stop({ type: "aborted" });
  signal.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(
    () => stop({ type: "stopped", limit: "time", message: `it ran longer than ${limits.timeMs} ms` }),
    limits.timeMs,
  );

  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= limits.outputBytes) chunks.push(chunk);
    else stop({ type: "stopped", limit: "output", message: `its result has more than ${limits.outputBytes} bytes` });
  });
  const last = logLines(child.stderr, limits.outputBytes, log);
  // A program that reads no input closes the pipe; that is its right.
  child.stdin.on("error", () => undefined);
  child.stdin.end(job.stdin);
  child.once("error", (error) => resolve({ type: "failed", code: null, last: error.message }));
  child.once("close", (code) => {
    if (verdict !== null) return resolve(verdict);
    if (code === 0) return resolve({ type: "completed", stdout: Buffer.concat(chunks).toString("utf8") });
    if (code === KILLED) {
      const message = `it was killed, most likely for more than ${limits.memoryBytes} bytes of memory`;
      return resolve({ type: "stopped", limit: "memory", message });
    }
    resolve({ type: "failed", code, last: last() });
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    running.delete(name);
  }
}

/** Gives each line to the log, up to a limit; the answer gives the last of them. */
function logLines(stream: NodeJS.ReadableStream, bytesMax: number, log: SandboxJob["log"]): () => string {
  const last: string[] = [];
  let left = bytesMax;
  createInterface({ input: stream }).on("line", (line) => {
    left -= Buffer.byteLength(line) + 1;
    if (left < 0) {
      if (left > -Infinity) log("warn", "what was written after this is left out: it is too much");
      left = -Infinity;
      return;
    }
    log("info", line);
    last.push(line);
    if (last.length > LAST_LINES) last.shift();
  });
  return () => last.join("\n").slice(-2000);
}
