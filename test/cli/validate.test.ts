import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder, weft } from "./weft.ts";

const folder = temporaryFolder();
const file = (name: string, text: string): string => {
  writeFileSync(join(folder.path, name), text);
  return join(folder.path, name);
};
beforeAll(() => mkdirSync(join(folder.path, "steps")));
afterAll(() => folder.remove());

const BAD = `workflow:
  name: bad
  steps:
    - id: a
      type: tempalte
      template: x
    - id: b
      type: template
      tempalte: x
      depends_on: [nowhere]
    - id: b
      type: http
`;

describe("weft validate", () => {
  test("of the design's listing says what cannot run on this machine and why", async () => {
    const { code, stdout } = await weft("validate", "test/field/fixtures/image-processing.yaml");
    expect(code).toBe(0);
    expect(stdout).toContain("image-processing.yaml: valid, workflow image_processing, 3 steps");
    expect(stdout).toContain("2 steps cannot run on this machine");
    // Which of the two it is depends on the machine.
    expect(stdout).toMatch(
      /preprocess \(python_script\): (?:containers need podman or docker|the image dify\/preprocess:1\.0 is not)/,
    );
    expect(stdout).toMatch(/postprocess \(python_script\): it has no code/);
    expect(stdout).toMatch(/:12:\d+: warning missing_code: .*steps\/postprocess\.py is not there/);
    expect(stdout).not.toContain("generate_caption");
  });

  test("of a bad file lists every problem with its place, code and remedy, and exits 2", async () => {
    const path = file("bad.yaml", BAD);
    const { code, stdout } = await weft("validate", path);
    expect(code).toBe(2);
    const places = [...stdout.matchAll(/bad\.yaml:(\d+):(\d+): error (\w+): /g)].map((match) => Number(match[1]));
    expect(places.length).toBeGreaterThanOrEqual(5);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    for (const line of [5, 9, 10, 11]) expect(places).toContain(line);
    expect(stdout).toMatch(/remedy: Did you mean "template"\?/);
    expect(stdout).toMatch(/bad\.yaml: \d+ problems$/m);
  });

  test("of several files reports each, and exits 2 when one is wrong", async () => {
    const { code, stdout } = await weft("validate", "examples/summarize.yaml", file("bad.yaml", BAD));
    expect(code).toBe(2);
    expect(stdout).toContain("examples/summarize.yaml: valid");
    expect(stdout).toContain("Every step can run on this machine");
  });

  test("prints JSON for programs", async () => {
    const { code, stdout } = await weft("validate", "--json", file("bad.yaml", BAD), "examples/summarize.yaml");
    expect(code).toBe(2);
    const [bad, good] = JSON.parse(stdout) as { valid: boolean; problems: { line: number }[] }[];
    expect([bad!.valid, good!.valid]).toEqual([false, true]);
    expect(bad!.problems[0]).toEqual({
      severity: "error",
      code: expect.any(String) as unknown,
      message: expect.any(String) as unknown,
      suggestion: expect.any(String) as unknown,
      pointer: "/workflow/steps/0/type",
      line: 5,
      column: 13,
    });
  });

  test("looks for code beside the workflow", async () => {
    writeFileSync(join(folder.path, "steps/clean.py"), "def main(): return 1\n");
    const source =
      "name: c\nsteps:\n  - {id: clean, type: python_script}\n  - {id: other, type: javascript, file: ../x.js}\n";
    const { code, stdout } = await weft("validate", file("code.yaml", source));
    expect(code).toBe(2);
    expect(stdout).not.toContain("clean.py");
    expect(stdout).toMatch(/:4:\d+: error missing_file: .*\.\.\/x\.js/);
  });

  test("of a file that is not there or no text is a sentence, and exits 2", async () => {
    const missing = await weft("validate", "nowhere.yaml");
    expect([missing.code, missing.stderr]).toEqual([2, "weft: There is no file nowhere.yaml.\n"]);
    writeFileSync(join(folder.path, "binary.yaml"), Buffer.from([0xff, 0xfe, 0x00]));
    const binary = await weft("validate", join(folder.path, "binary.yaml"));
    expect([binary.code, binary.stderr]).toEqual([2, expect.stringContaining("is not text in UTF-8")]);
  });

  test("without a file, or with an option that is not there, exits 2", async () => {
    expect((await weft("validate")).code).toBe(2);
    expect((await weft("validate", "--nope", "x.yaml")).code).toBe(2);
    expect((await weft("vaildate")).stderr).toContain("Did you mean validate?");
  });
});
