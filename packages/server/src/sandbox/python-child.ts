/**
 * The child process of the Python sandbox: one Pyodide, one job at a time, lines of JSON in and out.
 *
 * Three walls around a workflow's code: WebAssembly; no way from Python to JavaScript (no `js`, no `pyodide_js`, no text
 * that becomes JavaScript: the process runs with `--disallow-code-generation-from-strings`); and Node's permission model,
 * which lets this process read Pyodide's folder and nothing else, and reach no network, process or thread.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { lineOf, type ChildJob, type ChildMessage } from "./python-wire.ts";
import { withMemoryLimit } from "./wasm-memory.ts";

/** How far the interpreter may grow, and the folder with wheels of further packages; empty: none. */
const [memoryBytes, folder] = [Number(process.argv[2]), process.argv[3] ?? ""];
const PAGE_BYTES = 65_536;
/** No other module is that large. */
const INTERPRETER_BYTES_MIN = 5_000_000;
const { stdout, stdin, memoryUsage } = process;
const border = readFileSync(new URL("./python-border.py", import.meta.url), "utf8");

// Pyodide asks for the numbers of flags that only its view of host folders needs. The real call is not permitted.
Object.defineProperty(process, "binding", { value: () => ({ fs: {} }) });

const instantiate = WebAssembly.instantiate.bind(WebAssembly);
WebAssembly.instantiate = (source, imports) =>
  instantiate(
    source instanceof Uint8Array && source.length > INTERPRETER_BYTES_MIN
      ? withMemoryLimit(source, Math.floor(memoryBytes / PAGE_BYTES))
      : source,
    imports,
  );

function tell(message: ChildMessage): void {
  stdout.write(lineOf(message));
}

let current: { readonly id: string; left: number } | null = null;

/** A line that was printed; what goes beyond the limit is left out, with a word. */
function print(level: "info" | "error", line: string): void {
  if (current === null || current.left <= 0) return;
  current.left -= line.length + 1;
  if (current.left > 0) tell({ type: "log", id: current.id, level, line });
  else
    tell({
      type: "log",
      id: current.id,
      level: "warn",
      line: "what was printed after this is left out: it is too much",
    });
}

const { loadPyodide } = await import("pyodide");
const pyodide = await loadPyodide({
  jsglobals: Object.create(null) as object,
  env: { HOME: "/work", LANG: "C.UTF-8" },
  stdin: () => null,
  stdout: (line) => print("info", line),
  stderr: (line) => print("error", line),
  ...(folder === "" ? {} : { packageCacheDir: folder }),
});
const offered = Object.values(pyodide.lockfile.packages);
// Before any code of a workflow runs: afterwards the interpreter has no way to the host that could load them. Each wheel
// is checked against the hash in Pyodide's own list.
const laid = folder === "" ? [] : offered.filter(({ file_name: name }) => existsSync(join(folder, name)));
await pyodide.loadPackage(
  laid.map(({ name }) => name),
  // One that does not fit is told by the import that misses it.
  { messageCallback: () => undefined, errorCallback: () => undefined },
);
pyodide.unregisterJsModule("js");
pyodide.unregisterJsModule("pyodide_js");
const packages = offered.flatMap(({ imports }) => imports.filter((name) => !name.includes(".")));
const space = pyodide.toPy({ __name__: "border", packages }) as { get(name: string): unknown };
pyodide.runPython(border, { globals: space as never, filename: "border.py" });
const run = space.get("run") as (...values: readonly unknown[]) => string;

createInterface({ input: stdin }).on("line", (line) => {
  const { id, code, input, call, outputBytes } = JSON.parse(line) as ChildJob;
  current = { id, left: outputBytes };
  const result = run(code, input, call, outputBytes, print);
  current = null;
  tell({ type: "ended", id, result, memoryBytes: memoryUsage().rss });
});
tell({ type: "ready" });
