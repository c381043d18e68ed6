import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export const ROOT = join(import.meta.dirname, "../..");
const run = promisify(execFile);

/** A version of the program that can be started: its folder, and what it is called in what tests say. */
export interface Version {
  readonly name: string;
  readonly bin: string;
  readonly folder: string;
}

export const THIS_VERSION: Version = versionIn(ROOT, "this version");

/** An earlier version in a folder of its own. */
export interface EarlierVersion extends Version {
  /** Whether it works on a store with steps that it does not know, so that it can be started beside a later one. */
  readonly takesLaterStores: boolean;
  /** Whether it does tasks that were put up by an owner who has lost the run since, so that some are done twice. */
  readonly takesStaleTasks: boolean;
  remove(): Promise<void>;
}

/**
 * The version of a commit: `WEFT_UPGRADE_FROM`, otherwise the parent of the last one. A text: why there is none, as where
 * the history is not all there, or where it needs a package that is not installed.
 */
export async function earlierVersion(): Promise<EarlierVersion | string> {
  const wanted = process.env["WEFT_UPGRADE_FROM"] || "HEAD~1";
  const commit = await git("rev-parse", "--verify", "--quiet", "--end-of-options", `${wanted}^{commit}`).catch(
    () => null,
  );
  if (commit === null) return `the commit ${wanted} is not in this clone`;
  const packages = await packagesOf(commit);
  const missing = packages.flatMap(({ dependencies }) => dependencies.filter((name) => !isInstalled(name)));
  if (missing.length > 0) return `the commit ${wanted} needs packages that are not installed: ${missing.join(", ")}`;
  const folder = await mkdtemp(join(tmpdir(), "weft-upgrade-"));
  const tree = join(folder, "tree");
  const remove = async (): Promise<void> => {
    await git("worktree", "remove", "--force", tree).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
    await git("worktree", "prune");
  };
  try {
    await git("worktree", "add", "--detach", tree, commit);
    await linkPackages(tree, packages);
  } catch (error) {
    await remove();
    throw error;
  }
  const source = (path: string): string => {
    const file = join(tree, "packages/server/src", path);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  };
  return {
    ...versionIn(tree, `the version of ${commit.slice(0, 12)}`),
    takesLaterStores: source("db/migrate.ts").includes('"_breaking"'),
    takesStaleTasks: source("tasks/postgres.ts") !== "" && !source("tasks/postgres-sql.ts").includes("const CURRENT"),
    remove,
  };
}

function versionIn(folder: string, name: string): Version {
  return { name, folder, bin: join(folder, "packages/server/bin/weft.js") };
}

async function git(...args: readonly string[]): Promise<string> {
  const { stdout } = await run("git", args, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

interface Package {
  readonly name: string;
  /** From the root of the repository. */
  readonly folder: string;
  /** Packages of others that it cannot do without. */
  readonly dependencies: readonly string[];
}

async function packagesOf(commit: string): Promise<readonly Package[]> {
  const { workspaces } = JSON.parse(await git("show", `${commit}:package.json`)) as { workspaces: readonly string[] };
  const texts = await Promise.all(
    workspaces.map(async (folder) => {
      const text = JSON.parse(await git("show", `${commit}:${folder}/package.json`)) as {
        readonly name: string;
        readonly dependencies?: Readonly<Record<string, string>>;
      };
      return { name: text.name, folder, needs: Object.keys(text.dependencies ?? {}) };
    }),
  );
  const ours = new Set(texts.map(({ name }) => name));
  return texts.map(({ name, folder, needs }) => ({
    name,
    folder,
    dependencies: needs.filter((one) => !ours.has(one)),
  }));
}

function isInstalled(name: string): boolean {
  return existsSync(join(ROOT, "node_modules", name, "package.json"));
}

/** The packages of others are those that are installed here; those of the workspace are the tree's own. */
async function linkPackages(tree: string, packages: readonly Package[]): Promise<void> {
  const [from, to] = [join(ROOT, "node_modules"), join(tree, "node_modules")];
  const own = new Map(packages.map(({ name, folder }) => [name, join(tree, folder)]));
  const scopes = new Set([...own.keys()].flatMap((name) => (name.startsWith("@") ? [name.split("/")[0]!] : [])));
  await mkdir(to);
  for (const name of readdirSync(from))
    if (!name.startsWith(".vite") && !own.has(name) && !scopes.has(name))
      await symlink(join(from, name), join(to, name));
  for (const scope of scopes) await mkdir(join(to, scope), { recursive: true });
  for (const [name, folder] of own) await symlink(folder, join(to, name));
}
