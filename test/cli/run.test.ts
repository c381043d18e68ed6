import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ROOT, temporaryFolder, Weft, weft } from "./weft.ts";

const folder = temporaryFolder();
const file = (name: string, text: string | Buffer): string => {
  writeFileSync(join(folder.path, name), text);
  return join(folder.path, name);
};
afterAll(() => folder.remove());

const TYPED = `name: typed
inputs:
  type: object
  properties: { n: { type: integer }, list: { type: array }, flag: { type: boolean }, t: { type: string } }
steps:
  - {id: a, type: template, template: "{{ inputs | tojson }}"}
`;

describe("weft run", () => {
  test("prints a summary of a real text with nothing configured, and the steps apart from it", async () => {
    const { code, stdout, stderr } = await weft(
      "run",
      "examples/summarize.yaml",
      "-i",
      "text=@examples/data/gettysburg-address.txt",
    );
    expect(code).toBe(0);
    const text = readFileSync(join(ROOT, "examples/data/gettysburg-address.txt"), "utf8");
    expect(text).toContain(stdout.split(". ")[0]);
    expect(stdout).toContain("Key phrases: ");
    expect(stderr.split("\n").filter((line) => line.startsWith("✓"))).toHaveLength(3);
    expect(stderr).not.toContain("\x1b");
  });

  test("--json prints the run, --quiet shows no steps", async () => {
    const { code, stdout, stderr } = await weft(
      "run",
      "examples/summarize.yaml",
      "-i",
      "text=Hello there.",
      "--json",
      "-q",
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      workflow: "summarize",
      status: "succeeded",
      inputs: { text: "Hello there." },
    });
  });

  test("reads values as the schema has them, and text as it stands", async () => {
    const args = ["-i", "n=3", "-i", "list=[1,2]", "-i", "flag=true", "-i", "t=7"];
    const { stdout } = await weft("run", file("typed.yaml", TYPED), "-q", ...args);
    expect(JSON.parse(stdout)).toEqual({ n: 3, list: [1, 2], flag: true, t: "7" });
  });

  test("reads files without their byte order mark, standard input, and text that begins with @", async () => {
    const path = file("typed.yaml", TYPED);
    const marked = file("bom.txt", Buffer.from("\ufeff你好"));
    expect(JSON.parse((await weft("run", path, "-q", "-i", `t=@${marked}`)).stdout)).toEqual({ t: "你好" });
    const piped = await new Weft(["run", path, "-q", "-i", "t=@-"], { input: "from a pipe" }).ended();
    expect(JSON.parse(piped.stdout)).toEqual({ t: "from a pipe" });
    expect(JSON.parse((await weft("run", path, "-q", "-i", "t=@@ann")).stdout)).toEqual({ t: "@ann" });
  });

  test("tells all mistakes of the inputs at once, and exits 2", async () => {
    const args = ["-i", "n=three", "-i", "t=@nowhere.txt", "-i", "flag=true", "-i", "flag=false"];
    const { code, stderr, stdout } = await weft("run", file("typed.yaml", TYPED), ...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("The input n is of type integer");
    expect(stderr).toContain("There is no file nowhere.txt.");
    expect(stderr).toContain("The input flag is given twice.");
  });

  test("of inputs that do not fit exits 2 and names them", async () => {
    const { code, stderr } = await weft("run", "examples/summarize.yaml");
    expect([code, stderr]).toEqual([2, expect.stringContaining('"text"')]);
  });

  test("of a bad file lists its problems and exits 2", async () => {
    const { code, stderr } = await weft("run", file("bad.yaml", "name: b\nsteps:\n  - {id: a}\n  - {type: answer}\n"));
    expect(code).toBe(2);
    expect(stderr).toMatch(/bad\.yaml:3:\d+: error/);
    expect(stderr).toMatch(/bad\.yaml:4:\d+: error/);
  });

  test("that fails says where and why, and exits 1", async () => {
    const source = "name: f\nsteps:\n  - {id: a, type: list, input: 3}\n";
    const { code, stdout, stderr } = await weft("run", file("fails.yaml", source));
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/weft: the run failed at step a: .*\(ITEMS_INVALID\)/);
  });

  test("several outputs are JSON", async () => {
    const source =
      "name: two\nsteps:\n  - {id: a, type: template, template: x}\n  - {id: b, type: template, template: y}\n";
    expect(JSON.parse((await weft("run", file("two.yaml", source), "-q")).stdout)).toEqual({ a: "x", b: "y" });
  });

  test("interrupted ends the run and exits 130", async () => {
    const source =
      "name: waits\nsteps:\n  - {id: a, type: template, template: x}\n  - {id: w, type: wait, for: 1h, depends_on: [a]}\n";
    const process = new Weft(["run", file("waits.yaml", source), "--json"]);
    // Once: the second one would end the process where it stands.
    let isAsked = false;
    process.process.stderr!.on("data", () => {
      if (isAsked || !process.stderr.includes("w runs")) return;
      isAsked = process.process.kill("SIGINT");
    });
    const { code, stdout } = await process.ended();
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ status: "cancelled", error: { code: "RUN_CANCELLED" } });
  });

  test("--data keeps the run in a folder, which nobody else may use meanwhile", async () => {
    const data = join(folder.path, "data");
    mkdirSync(data);
    const first = new Weft(["serve", "--port", "0", "--data", data]);
    await first.shows(/listens on/);
    const second = await weft("run", "examples/summarize.yaml", "-i", "text=x", "--data", data);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`in use by process ${first.process.pid}`);
    first.process.kill("SIGTERM");
    expect((await first.ended()).code).toBe(0);
    expect((await weft("run", "examples/summarize.yaml", "-i", "text=x", "--data", data)).code).toBe(0);
  });
});
