import { runInNewContext } from "node:vm";
import { setFlagsFromString } from "node:v8";

/** `npm run bench -- NAME …`: each benchmark is a module that exports `bench(args)`, loaded when it is asked for. */
const BENCHMARKS: Readonly<Record<string, () => Promise<{ bench(args: readonly string[]): Promise<void> }>>> = {
  engine: () => import("./engine/main.ts"),
  scale: () => import("./scale.ts"),
  streams: () => import("./streams.ts"),
  metadata: () => import("./metadata.ts"),
  sandbox: () => import("./sandbox.ts"),
  cluster: () => import("./cluster/main.ts"),
  overload: () => import("./overload.ts"),
  adaptive: () => import("./adaptive.ts"),
};

const [name, ...args] = process.argv.slice(2);
const load = BENCHMARKS[name ?? ""];
if (load) {
  // One contender's garbage must not be collected in another's time: rounds begin with a collection (`settle`).
  setFlagsFromString("--expose-gc");
  globalThis.gc = runInNewContext("gc") as NodeJS.GCFunction;
  await (await load()).bench(args);
} else {
  process.stderr.write(`npm run bench -- ${Object.keys(BENCHMARKS).join("|")} [--help]\n`);
  process.exitCode = 64;
}
