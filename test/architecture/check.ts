import { posix } from "node:path";
import { importsOf, lineOf, readCode, type Code, type Import } from "./source.ts";

/** A repository as data: path from its root → text. The checks read nothing else, so a test can give them any tree. */
export type Tree = ReadonlyMap<string, string>;

/** Files that stand on one level and follow one rule. */
export interface Floor {
  readonly name: string;
  /** A file, a folder (`…/`), or the beginning of names (`…*`). The first floor that fits a file is its floor. */
  readonly files: readonly string[];
  /** Floors whose files it may import besides its own. */
  readonly may: readonly string[];
  /** Libraries it may import. `node:*` stands for all that Node brings. */
  readonly libraries: readonly string[];
}

export interface Violation {
  /** `path:line`, so that an editor can follow it. */
  readonly at: string;
  readonly says: string;
}

/** The packages of the house, by the name they are imported by, and the file that name leads to. */
export const PACKAGES: Readonly<Record<string, string>> = {
  "@weftwork/core": "packages/core/src/index.ts",
  "@weftwork/sdk": "packages/sdk/src/index.ts",
  "@weftwork/console": "packages/console/src/index.ts",
  weftwork: "packages/server/src/index.ts",
};

const SUPPORT = /\.(test|testing|fixture|conformance)\.ts$|\/conformance\/|(?<!testkit)\/test-[^/]+\.ts$/;

/** Tests and what only tests use. Walls do not hold for them, and nothing else may import them. */
export function isTestSupport(path: string): boolean {
  return SUPPORT.test(path);
}

interface Source {
  readonly path: string;
  readonly code: Code;
  readonly imports: readonly Import[];
}

function sources(tree: Tree): readonly Source[] {
  return [...tree]
    .filter(([path]) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path))
    .map(([path, text]) => ({ path, ...read(text) }));
}

/** What was read of a text already: trees that differ in one file share the rest. */
const known = new Map<string, Pick<Source, "code" | "imports">>();

function read(text: string): Pick<Source, "code" | "imports"> {
  const found = known.get(text);
  if (found) return found;
  const code = readCode(text);
  const fresh = { code, imports: importsOf(code) };
  known.set(text, fresh);
  return fresh;
}

/** The file of the tree that an import leads to; null for a library. */
function target(path: string, specifier: string): string | null {
  if (specifier.startsWith(".")) return posix.normalize(posix.join(posix.dirname(path), specifier));
  return PACKAGES[specifier] ?? null;
}

/** `@scope/name/deep` → `@scope/name`. */
function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

function fits(path: string, pattern: string): boolean {
  if (pattern.endsWith("*")) return path.startsWith(pattern.slice(0, -1));
  return pattern.endsWith("/") ? path.startsWith(pattern) : path === pattern;
}

export function floorOf(path: string, floors: readonly Floor[]): Floor | undefined {
  return floors.find((floor) => floor.files.some((pattern) => fits(path, pattern)));
}

/** Imports that no floor allows, in files that are not tests. */
export function brokenWalls(tree: Tree, floors: readonly Floor[]): readonly Violation[] {
  const found: Violation[] = [];
  for (const { path, imports } of sources(tree)) {
    if (isTestSupport(path)) continue;
    const floor = floorOf(path, floors);
    if (!floor) {
      found.push({ at: path, says: "stands on no floor of the table" });
      continue;
    }
    for (const { specifier, line } of imports) {
      const says =
        specifier === null ? "imports a module that nobody can name" : wall(path, floor, specifier, floors, tree);
      if (says !== null) found.push({ at: `${path}:${line}`, says });
    }
  }
  return found;
}

function wall(path: string, floor: Floor, specifier: string, floors: readonly Floor[], tree: Tree): string | null {
  const to = target(path, specifier);
  if (to === null) return libraryWall(floor, specifier);
  if (!tree.has(to)) return `imports ${specifier}, which does not exist`;
  if (isTestSupport(to)) return `imports ${to}, which only tests may use`;
  const other = floorOf(to, floors);
  if (!other || other === floor || floor.may.includes(other.name)) return null;
  return `${floor.name} must not know ${other.name} (${to})`;
}

function libraryWall(floor: Floor, specifier: string): string | null {
  const { libraries } = floor;
  if (specifier.startsWith("node:"))
    return libraries.includes("node:*") || libraries.includes(specifier)
      ? null
      : `${floor.name} must not use ${specifier}`;
  return libraries.includes(packageName(specifier)) ? null : `${floor.name} must not use the library ${specifier}`;
}

/** Relative imports that leave their package: a package is reached by its name only. */
export function crossings(tree: Tree): readonly Violation[] {
  const found: Violation[] = [];
  for (const { path, imports } of sources(tree)) {
    const home = path.split("/", 2).join("/") + "/";
    for (const { specifier, line } of imports) {
      if (specifier === null || !specifier.startsWith(".")) continue;
      if (!target(path, specifier)!.startsWith(home))
        found.push({ at: `${path}:${line}`, says: `leaves its package by ${specifier}` });
    }
  }
  return found;
}

/**
 * Import circles, each once, as the files along it. With `kinds` of values only, those that could meet a module before
 * it is there; with types as well, those that keep two files from being understood one after the other.
 */
export function circles(tree: Tree, kinds: readonly Import["kind"][]): readonly (readonly string[])[] {
  const edges = new Map<string, readonly string[]>();
  for (const { path, imports } of sources(tree)) {
    const next = new Set<string>();
    for (const { specifier, kind } of imports) {
      const to = specifier === null || !kinds.includes(kind) ? null : target(path, specifier);
      if (to !== null && tree.has(to)) next.add(to);
    }
    edges.set(path, [...next]);
  }
  return stronglyConnected(edges);
}

/** Tarjan's components of more than one member, or of one that leads to itself. */
function stronglyConnected(edges: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const visit = (node: string): void => {
    order.set(node, order.size);
    low.set(node, order.get(node)!);
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node)!, low.get(next)!));
    }
    if (low.get(node) !== order.get(node)) return;
    const members = stack.splice(stack.indexOf(node));
    if (members.length > 1 || edges.get(node)?.includes(node)) found.push(members.toSorted());
  };
  for (const node of edges.keys()) if (!order.has(node)) visit(node);
  return found;
}

/** A word that must not stand in the code of some files; comments and texts may hold it. */
export interface Ban {
  readonly in: string;
  readonly word: RegExp;
  readonly instead: string;
}

export function bannedWords(tree: Tree, bans: readonly Ban[]): readonly Violation[] {
  const found: Violation[] = [];
  for (const { path, code } of sources(tree)) {
    if (isTestSupport(path)) continue;
    for (const { in: prefix, word, instead } of bans) {
      if (!path.startsWith(prefix)) continue;
      for (const match of code.text.matchAll(new RegExp(word, "g")))
        found.push({ at: `${path}:${lineOf(code, match.index)}`, says: `${match[0].trim()}: ${instead}` });
    }
  }
  return found;
}

export interface Manifest {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/**
 * Imports that the package's own manifest does not declare, versions that are not exact, and dependencies that no file
 * uses. Tests may also use what the root declares for development.
 */
export function undeclared(tree: Tree): readonly Violation[] {
  const root = JSON.parse(tree.get("package.json") ?? "{}") as Manifest;
  const found: Violation[] = [];
  const used = new Map<string, Set<string>>();
  for (const { path, imports } of sources(tree)) {
    const home = path.split("/", 2).join("/");
    const manifest = JSON.parse(tree.get(`${home}/package.json`) ?? "{}") as Manifest;
    for (const { specifier, line } of imports) {
      if (specifier === null || /^(\.|node:)/.test(specifier)) continue;
      const name = packageName(specifier);
      if (name === manifest.name) continue;
      if (!used.has(home)) used.set(home, new Set());
      used.get(home)!.add(name);
      const declared =
        name in (manifest.dependencies ?? {}) ||
        name in (manifest.optionalDependencies ?? {}) ||
        isOptionalPeer(manifest, root, name);
      const forTests = isTestSupport(path) && name in (root.devDependencies ?? {});
      if (!declared && !forTests)
        found.push({ at: `${path}:${line}`, says: `${name} is not declared in ${home}/package.json` });
    }
  }
  for (const [path, text] of tree) {
    if (path !== "package.json" && !/^packages\/[^/]+\/package\.json$/.test(path)) continue;
    found.push(...looseVersions(path, JSON.parse(text) as Manifest));
    if (path !== "package.json") found.push(...idle(path, JSON.parse(text) as Manifest, used));
  }
  return found;
}

/** What a user installs who wants it. Here it is installed for the tests, in one exact version. */
function isOptionalPeer(manifest: Manifest, root: Manifest, name: string): boolean {
  const optional = manifest.peerDependenciesMeta?.[name]?.optional === true;
  return optional && name in (manifest.peerDependencies ?? {}) && name in (root.devDependencies ?? {});
}

function looseVersions(path: string, manifest: Manifest): readonly Violation[] {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
  return Object.entries(all)
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => ({ at: path, says: `${name} must have an exact version, and has ${version}` }));
}

function idle(path: string, manifest: Manifest, used: ReadonlyMap<string, ReadonlySet<string>>): readonly Violation[] {
  const home = path.split("/", 2).join("/");
  return Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    .filter((name) => !PACKAGES[name] && !used.get(home)?.has(name))
    .map((name) => ({ at: path, says: `${name} is declared, and no file uses it` }));
}

export interface FileSize {
  readonly path: string;
  readonly lines: number;
}

/** Files longer than `lines`, the longest first. */
export function longFiles(tree: Tree, lines: number): readonly FileSize[] {
  return [...tree]
    .filter(([path]) => path.endsWith(".ts"))
    .map(([path, text]) => ({ path, lines: text.split("\n").length - 1 }))
    .filter((file) => file.lines > lines)
    .toSorted((a, b) => b.lines - a.lines);
}

export function shown(violations: readonly Violation[]): readonly string[] {
  return violations.map(({ at, says }) => `${at} ${says}`);
}
