import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import type { Manifest, Tree } from "./check.ts";

/** The folder of the repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const PASSED_OVER = new Set(["node_modules", "dist", "coverage", ".git", ".weft"]);

/** The sources and manifests of the repository as a tree. */
export function readTree(): Tree {
  const tree = new Map<string, string>([["package.json", readFileSync(join(ROOT, "package.json"), "utf8")]]);
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!PASSED_OVER.has(entry.name)) walk(path);
      } else if (entry.name.endsWith(".ts") || entry.name === "package.json")
        tree.set(path, readFileSync(join(ROOT, path), "utf8"));
    }
  };
  for (const folder of ["packages", "test", "bench", "scripts", "examples"]) walk(folder);
  return tree;
}

export interface Dependency {
  readonly name: string;
  readonly license: string;
}

/** Everything that is installed for a user, by following the manifests from the workspaces on. */
export function productionDependencies(tree: Tree): readonly Dependency[] {
  const found = new Map<string, Dependency>();
  const visit = (name: string, from: string): void => {
    const home = installed(name, from);
    if (home === null || found.has(home)) return;
    const manifest = readManifest(home);
    if (!manifest.name?.startsWith("@weftwork/") && manifest.name !== "weftwork")
      found.set(home, { name, license: manifest.license ?? "none given" });
    for (const next of Object.keys(manifest.dependencies ?? {})) visit(next, home);
  };
  for (const [path, text] of tree) {
    if (!/^packages\/[^/]+\/package\.json$/.test(path)) continue;
    const { dependencies = {}, peerDependencies = {} } = JSON.parse(text) as Manifest;
    for (const name of Object.keys({ ...dependencies, ...peerDependencies }))
      visit(name, join(ROOT, path.slice(0, -"/package.json".length)));
  }
  return [...found.values()];
}

/** The folder that Node would find a package in, from a folder on upwards. */
function installed(name: string, from: string): string | null {
  for (let folder = from; folder.startsWith(ROOT.slice(0, -1)); folder = join(folder, "..")) {
    const home = join(folder, "node_modules", name);
    try {
      readFileSync(join(home, "package.json"));
      return home;
    } catch {
      continue;
    }
  }
  return null;
}

function readManifest(home: string): Manifest & { readonly license?: string } {
  return JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as Manifest & { license?: string };
}
