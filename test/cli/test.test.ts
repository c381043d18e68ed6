import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ROOT, temporaryFolder, Weft, weft } from "./weft.ts";

const folder = temporaryFolder();
const file = (name: string, text: string): string => {
  writeFileSync(join(folder.path, name), text);
  return join(folder.path, name);
};
afterAll(() => folder.remove());

const FLOW = 'name: flow\nsteps:\n  - { id: say, type: template, template: "Hello {{ inputs.name }}" }\n';

describe("weft test", () => {
  test("of the examples passes in under 20 s", async () => {
    const startedAt = performance.now();
    const { code, stdout } = await weft("test", "examples/");
    expect(stdout).toMatch(/\d+ passed in \d+ files/);
    expect(stdout).not.toContain("✗");
    expect(code).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test("of a run that was recorded passes, and fails with the difference when the template is changed", async () => {
    const flow = file("flow.yaml", FLOW);
    const cases = join(folder.path, "flow.test.yaml");
    const run = await weft("run", flow, "-q", "-i", "name=Ada", "--record", cases);
    expect(run).toMatchObject({ code: 0, stdout: "Hello Ada\n" });
    expect(await weft("test", flow)).toMatchObject({ code: 0 });
    file("flow.yaml", FLOW.replace("Hello", "Bye"));
    const junit = join(folder.path, "report.xml");
    const changed = await weft("test", folder.path, "--junit", junit);
    expect(changed.code).toBe(1);
    expect(changed.stdout).toContain('- expected  "Hello Ada"');
    expect(changed.stdout).toContain('+ actual    "Bye Ada"');
    expect(readFileSync(junit, "utf8")).toContain('failures="1"');
    const json = await weft("test", flow, "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ passed: 0, failed: 1, results: [{ workflow: "flow" }] });
  });

  test("of wrong cases lists every problem with its place, and exits 2", async () => {
    file("wrong.yaml", FLOW);
    const path = file("wrong.test.yaml", "cases:\n  - name: a\n    inptus: {}\n    expect: { path: [sya] }\n");
    const { code, stdout } = await weft("test", path);
    expect(code).toBe(2);
    expect(stdout).toContain(`${path}:3:5: error unknown_field`);
    expect(stdout).toContain(`${path}:4:`);
    expect(stdout).toContain('Did you mean "say"?');
  });

  test.each([
    ["a folder without cases", "docs", "There are no *.test.yaml files"],
    ["a path that is not there", "nowhere", "There is no file or folder nowhere"],
  ])("of %s exits 2", async (_fact, path, told) => {
    const { code, stderr } = await weft("test", path);
    expect(code).toBe(2);
    expect(stderr).toContain(told);
  });

  test("of examples whose prompt was changed fails with both prompts, line by line, and says which file", async () => {
    const copy = join(folder.path, "examples");
    cpSync(join(ROOT, "examples"), copy, { recursive: true });
    const path = join(copy, "streaming-answer.yaml");
    const changed = readFileSync(path, "utf8").replace("in its own words", "in one sentence");
    writeFileSync(path, changed);
    const { code, stdout } = await weft("test", copy);
    expect(code).toBe(1);
    expect(stdout).toContain(
      [
        "      prompts.write: another prompt",
        "        - Answer the question from the document, in its own words.",
        "        + Answer the question from the document, in one sentence.",
      ].join("\n"),
    );
    expect(stdout).toMatch(/^Failed\n {2}✗ \S+streaming-answer\.test\.yaml:\d+ the model is asked with the question/m);
    expect(stdout).toMatch(/^1 failed, \d+ passed in \d+ files, .* skipped .* of waiting$/m);
  });

  test("takes nodes of one's own from a module", async () => {
    // Below the root, so that packages are found from there; ignored by git.
    const below = join(ROOT, "dist", `own-nodes-${process.pid}`);
    mkdirSync(below, { recursive: true });
    try {
      const nodes = `import { defineNode } from "weftwork";
import { z } from "zod";
export const double = defineNode({ type: "double", config: z.object({ of: z.number() }), execute: ({ of }) => of * 2 });
`;
      writeFileSync(join(below, "nodes.ts"), nodes);
      writeFileSync(join(below, "empty.js"), "export const nothing = 1;\n");
      writeFileSync(join(below, "flow.yaml"), "name: f\nsteps:\n  - { id: twice, type: double, of: 4 }\n");
      const cases = "cases:\n  - name: doubles\n    expect: { outputs: { twice: 8 } }\n";
      writeFileSync(join(below, "flow.test.yaml"), cases);
      const module = join(below, "nodes.ts");
      expect(await weft("test", below, "--nodes", module)).toMatchObject({ code: 0 });
      expect(await weft("run", join(below, "flow.yaml"), "-q", "--json", "--nodes", module)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('"twice": 8') as unknown,
      });
      const without = await weft("test", below);
      expect([without.code, without.stdout]).toEqual([2, expect.stringContaining("double")]);
      const empty = await weft("test", below, "--nodes", join(below, "empty.js"));
      expect([empty.code, empty.stderr]).toEqual([2, expect.stringContaining("exports no nodes")]);
      expect((await weft("test", below, "--nodes", "nowhere.ts")).code).toBe(2);
    } finally {
      rmSync(below, { recursive: true, force: true });
    }
  });

  test("--watch runs again at each change, whatever becomes of the file, until Ctrl-C", async () => {
    const own = join(folder.path, "watched");
    mkdirSync(own);
    const flow = join(own, "flow.yaml");
    writeFileSync(flow, FLOW);
    writeFileSync(
      join(own, "flow.test.yaml"),
      "cases:\n  - { name: greets, inputs: { name: Ada }, expect: { outputs: { say: Hello Ada } } }\n",
    );
    const watching = new Weft(["test", flow, "--watch"]);
    await watching.shows(/1 passed in 1 file/);
    // A change that comes before the watch begins would be missed, so it is made until it is seen.
    const changed = async (text: string, pattern: RegExp): Promise<void> => {
      const timer = setInterval(() => writeFileSync(flow, text), 300);
      await watching.shows(pattern).finally(() => clearInterval(timer));
    };
    await changed(FLOW.replace("Hello", "Bye"), /1 failed in 1 file[\s\S]*Waiting for changes/);
    await changed("name: flow\nsteps: 7\n", /with mistakes[\s\S]*Waiting for changes/);
    await changed(FLOW, /with mistakes[\s\S]*1 passed in 1 file[\s\S]*Waiting for changes/);
    watching.process.kill("SIGINT");
    expect((await watching.ended()).code).toBe(130);
  });
});
