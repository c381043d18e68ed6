import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("server.ts", import.meta.url));

/** One real server process, ended by the test that started it. */
export class ChildServer {
  readonly address: string;
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;
  private readonly stderr: string[];

  private constructor(child: ChildProcess, address: string, ended: Promise<number | null>, stderr: string[]) {
    this.child = child;
    this.address = address;
    this.ended = ended;
    this.stderr = stderr;
  }

  /** Resolves when it listens. */
  static async start(store: string, recorder: string): Promise<ChildServer> {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", PROGRAM, store, recorder], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const stderr: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr.push(text));
    const ended = once(child, "exit").then(([code]) => code as number | null);
    const line = once(createInterface({ input: child.stdout }), "line").then(([text]) => text as string);
    const address = await Promise.race([line, ended.then(() => null)]);
    if (address === null) throw new Error(`the server did not start:\n${stderr.join("")}`);
    return new ChildServer(child, address, ended, stderr);
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  /** SIGTERM; answers the exit code, null when a signal ended it. */
  async terminate(): Promise<number | null> {
    this.child.kill("SIGTERM");
    return this.ended;
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.stderr.join("");
  }

  async submit(id: string, n: number): Promise<void> {
    const response = await fetch(`${this.address}/api/runs`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ workflow: "chain", id, inputs: { n } }),
    });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${id} was answered with ${response.status}`);
  }

  /** Waits for the end of a run, by its event stream: it ends with the run. */
  async end(id: string): Promise<{ readonly status: string; readonly outputs: unknown }> {
    const stream = await fetch(`${this.address}/api/runs/${id}/events`);
    await stream.arrayBuffer();
    const response = await fetch(`${this.address}/api/runs/${id}`);
    return (await response.json()) as { status: string; outputs: unknown };
  }
}
