import { statSync, watch } from "node:fs";
import { dirname } from "node:path";

/** Editors write a file in several steps; what changes within this time is one change. */
const PAUSE_MS = 100;

/** Calls back after each change of a YAML file, or of code, in the folders of these paths. Ends with Ctrl-C. */
export function watchFiles(paths: readonly string[], changed: () => Promise<void>): Promise<void> {
  const folders = new Set(paths.map((path) => (statSync(path).isDirectory() ? path : dirname(path))));
  let timer: NodeJS.Timeout | null = null;
  let working = Promise.resolve();
  return new Promise((resolve, reject) => {
    const watchers = [...folders].map((folder) =>
      watch(folder, { recursive: true }, (_event, name) => {
        if (name === null || !/\.(?:ya?ml|py|js)$/.test(name) || name.includes("node_modules")) return;
        if (timer) clearTimeout(timer);
        timer = setTimeout(() => {
          working = working.then(changed).catch(reject);
        }, PAUSE_MS);
      }).on("error", reject),
    );
    process.once("SIGINT", () => {
      if (timer) clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
      resolve();
    });
  });
}
