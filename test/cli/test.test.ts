import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { temporaryFolder, weft } from "./weft.ts";

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
});
