import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { promisify } from "node:util";
import { compile, ERRORS, parseWorkflow } from "@weftwork/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GENERATED, renewed } from "../scripts/docs.ts";
import { isTestSupport } from "./architecture/check.ts";
import { ROOT } from "./architecture/repository.ts";
import { anchorsOf, fencesOf, headingLevels, linksOf, proseOf, type Fence } from "./docs/markdown.ts";

const run = promisify(execFile);

const files = trackedFiles();
const documents = files.filter((path) => path.endsWith(".md"));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** What a commit of the folder would hold. */
function trackedFiles(): readonly string[] {
  const list = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], { cwd: ROOT });
  return list
    .toString("utf8")
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(ROOT, path)));
}

function fences(info: string): readonly { readonly name: string; readonly fence: Fence }[] {
  return documents.flatMap((path) =>
    fencesOf(read(path))
      .filter((fence) => fence.info === info)
      .map((fence) => ({ name: `${path}:${fence.line}`, fence })),
  );
}

describe("the documents and the code", () => {
  test("every code of the error table is documented, and no other", () => {
    const rows = [...read("docs/errors.md").matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (yes|no) \|/gm)];
    const documented = rows.map(([, code, status, retryable]) => [code, Number(status), retryable === "yes"]);
    const known = Object.entries(ERRORS).map(([code, { status, retryable }]) => [code, status, retryable]);
    expect(documented.toSorted()).toEqual(known.toSorted());
  });

  test.each(Object.keys(GENERATED))("the tables of %s are those of the code (npm run docs)", (path) => {
    expect(read(path)).toBe(renewed(path, read(path)));
  });

  test("a table that the code has outgrown is found", () => {
    const stale = read("docs/errors.md").replace("| `INTERNAL` | 500 |", "| `INTERNAL` | 200 |");
    expect(renewed("docs/errors.md", stale)).not.toBe(stale);
  });

  test("every word of the product has its row in the nomenclature", () => {
    const rows = new Set(
      [...read("docs/nomenclature.md").matchAll(/^\| ([a-z, ]+) \|/gm)].flatMap((match) =>
        match[1]!.trim().split(", "),
      ),
    );
    const words =
      `workflow version plan run node task attempt scope event input command owner lease epoch pool worker ticket
      deployment route batch item journal inbox payload snapshot port driver executor outcome failure`.split(/\s+/);
    expect(words.filter((word) => !rows.has(word))).toEqual([]);
  });

  test("every setting of the environment is documented, and no other", () => {
    const settings = files
      .filter((path) => /^packages\/server\/src\/.*\.ts$/.test(path) && !isTestSupport(path))
      .flatMap((path) =>
        [...read(path).matchAll(/(?:\benv(?:ironment)?\[|\()"(WEFT_[A-Z0-9_]+)"/g)].map((match) => match[1]!),
      );
    const documented = read("docs/operations.md").match(/\bWEFT_[A-Z0-9_]+[A-Z]\b/g);
    const named = (names: readonly string[] | null): readonly string[] =>
      [...new Set(names)].filter((name) => !name.startsWith("WEFT_TEST_")).toSorted();
    expect(named(documented)).toEqual(named(settings));
  });
});

describe("what a reader can try", () => {
  test.each(fences("yaml workflow"))("the workflow at $name plans without a problem", ({ fence }) => {
    const parsed = parseWorkflow(fence.text);
    expect(parsed.problems).toEqual([]);
    const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
    const compiled = compile(parsed.workflow!, {
      version: "1.0.0",
      hash: "",
      digest,
      locate: (pointer) => parsed.locate(pointer),
      pointer: parsed.pointer,
    });
    expect(compiled.problems).toEqual([]);
    expect(compiled.ok).toBe(true);
  });

  test("every command of npm is a script of package.json", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const used = documents.flatMap((path) => [...read(path).matchAll(/\bnpm run ([\w:]+)/g)].map((match) => match[1]!));
    expect(used.length).toBeGreaterThan(5);
    expect([...new Set(used)].filter((name) => !(name in scripts))).toEqual([]);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["start", "test"]));
  });

  test("every command of weft is one that it knows", async () => {
    const { stdout } = await run(process.execPath, [join(ROOT, "packages/server/bin/weft.js"), "--help"]);
    const known = new Set([...stdout.split("Commands:")[1]!.matchAll(/^ {2}([a-z]+)/gm)].map((match) => match[1]!));
    const used = documents.flatMap((path) =>
      [...read(path).matchAll(/(?:`|^|npx )weft ([a-z]+)/gm)].map((match) => match[1]!),
    );
    expect(used.length).toBeGreaterThan(3);
    expect([...new Set(used)].filter((name) => !known.has(name))).toEqual([]);
  });

  describe("programs", () => {
    const programs = fences("ts").filter(({ fence }) => fence.text.includes('from "weftwork"'));
    // Below the root, so that packages are found from there; ignored by git.
    const folder = join(ROOT, "dist", `docs-${process.pid}`);
    const fileOf = (index: number): string => join(folder, `program-${index}.ts`);

    beforeAll(() => {
      mkdirSync(folder, { recursive: true });
      for (const [i, { fence }] of programs.entries()) writeFileSync(fileOf(i), fence.text);
      writeFileSync(
        join(folder, "tsconfig.json"),
        JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts", "../../packages/*/src/**/*.d.ts"] }),
      );
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    test("are there", () => {
      expect(programs.length).toBeGreaterThan(3);
    });

    test("have the types they use", async () => {
      const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
      const said = await run(process.execPath, [compiler, "-p", folder]).catch((error: { stdout: string }) => error);
      expect(said.stdout).toBe("");
    });

    test.each(programs.map(({ name, fence }, i) => ({ name, fence, i })))(
      "the one at $name ends well, and prints what is said behind it",
      async ({ fence, i }) => {
        const { stdout } = await run(process.execPath, [fileOf(i)], { cwd: folder });
        const said = /(?:It prints|它会输出) `([^`]+)`/.exec(fence.after)?.[1];
        if (said !== undefined) expect(stdout.trim()).toBe(said);
      },
    );
  });
});

describe("the documents among themselves", () => {
  test.each(documents)("the links of %s lead somewhere", (path) => {
    const broken = linksOf(read(path)).filter(({ path: to, anchor }) => {
      const target = to === "" ? path : normalize(join(dirname(path), to));
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== "" && !anchorsOf(read(target)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test("every page below docs is reached from another page", () => {
    const reached = new Set(
      documents.flatMap((path) => linksOf(read(path)).map(({ path: to }) => normalize(join(dirname(path), to)))),
    );
    const pages = documents.filter((path) => path.startsWith("docs/"));
    const lonely = pages.filter((path) => !reached.has(path) && !reached.has(`${dirname(path)}/`));
    expect(lonely).toEqual([]);
  });

  test("both READMEs have the same parts, and show the same commands and programs", () => {
    const [english, chinese] = [read("README.md"), read("README.zh-CN.md")];
    expect(headingLevels(chinese)).toEqual(headingLevels(english));
    expect(fencesOf(chinese).map(({ info }) => info)).toEqual(fencesOf(english).map(({ info }) => info));
    const targets = (text: string): readonly string[] =>
      linksOf(text)
        .map(({ path }) => path)
        .filter((path) => !path.startsWith("README"));
    expect(targets(chinese)).toEqual(targets(english));
    const figures = (text: string): readonly string[] => text.split("figures -->")[1]!.match(/\d[\d,.]*/g) ?? [];
    expect(figures(chinese)).toEqual(figures(english));
  });

  test("Chinese text has full-width punctuation", () => {
    const half = [
      ...proseOf(read("README.zh-CN.md")).matchAll(/.{0,10}\p{Script=Han}[,;:!?()].{0,10}|\p{Script=Han}\.(?=\s|$)/gmu),
    ];
    expect(half.map(([text]) => text)).toEqual([]);
  });
});

describe("what must not leave a developer's machine", () => {
  // `run_1/root/read#1` is a place in a run; a path begins a word.
  const traces = /(?<![\w.~}-])\/(?:work|root|home)\/\w|registry\.(?:npm|yarn)/;

  test("no file names a folder of a machine or a package registry", () => {
    const texts = files.filter((path) => !/\.(png|jpg|ico|woff2?)$/.test(path) && path !== "test/docs.test.ts");
    const found = texts.flatMap((path) => {
      const trace = traces.exec(read(path))?.[0];
      return trace === undefined ? [] : [`${path}: ${trace}`];
    });
    expect(found).toEqual([]);
  });

  test("the lock file is complete for every platform: what a package may need is in it", () => {
    const { packages } = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const needed = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    expect(needed.filter((name) => !(`node_modules/${name}` in packages))).toEqual([]);
  });

  test("the lock file pins every package by hash, and names no host", () => {
    const lock = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { integrity?: string; link?: boolean; resolved?: string }>;
    };
    const loose = Object.entries(lock.packages).filter(
      ([path, { integrity, link }]) => path.includes("node_modules/") && !link && !integrity,
    );
    expect(loose.map(([path]) => path)).toEqual([]);
    expect(Object.values(lock.packages).filter(({ resolved }) => resolved?.includes("://"))).toEqual([]);
  });

  test("every example is named in the README of the examples, and has cases unless this machine cannot run it", () => {
    const named = read("examples/README.md");
    const yaml = readdirSync(join(ROOT, "examples")).filter((name) => name.endsWith(".yaml"));
    const examples = yaml.filter((name) => !name.endsWith(".test.yaml"));
    expect(examples.length).toBeGreaterThan(5);
    expect(examples.filter((name) => !named.includes(`\`${name}\``))).toEqual([]);
    const untested = examples.filter((name) => !yaml.includes(name.replace(".yaml", ".test.yaml")));
    expect(untested).toEqual(["image-processing.yaml"]);
  });
});
