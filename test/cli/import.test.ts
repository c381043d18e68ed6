import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryFolder, weft, Weft } from "./weft.ts";

const FIXTURES = join(import.meta.dirname, "../compat/fixtures");
const fixture = (name: string): string => join(FIXTURES, `${name}.yml`);
let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => void (folder = temporaryFolder()));
afterEach(() => folder.remove());

function file(name: string, text: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  return path;
}

describe("weft import", () => {
  test("tells of each node what it becomes, and what the file needs", async () => {
    const { code, stdout, stderr } = await weft("import", fixture("basic_chatflow"));
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("basic_chatflow (advanced-chat, file format 0.6.0)");
    expect(stdout).toMatch(
      /llm\s+llm\s+llm\s+model_inference\s+needs configuration .*model langgenius\/openai\/openai\/gpt-4o-mini/,
    );
    expect(stdout).toContain("3 nodes: 2 runs, 1 needs configuration");
    expect(stdout).toContain("It can run");
  });

  test("tells the same to programs", async () => {
    const { code, stdout } = await weft("import", "--json", fixture("basic_chatflow"));
    const report = JSON.parse(stdout) as { runs: boolean; nodes: { id: string; line: number }[]; counts: object };
    expect([code, report.runs]).toEqual([0, true]);
    expect(report.counts).toEqual({ runs: 2, runs_with_difference: 0, needs_configuration: 1, not_supported: 0 });
    expect(report.nodes.map(({ id }) => id)).toEqual(["start", "llm", "answer"]);
    expect(report.nodes.every(({ line }) => line > 1)).toBe(true);
  });

  test("speaks Chinese", async () => {
    const { stdout } = await weft("--lang", "zh", "import", fixture("basic_chatflow"));
    expect(stdout).toContain("3 个节点：2 可运行, 1 需要配置");
  });

  test("refuses what is no app, and what is no text, without a stack", async () => {
    const sketch = await weft("import", fixture("minimal_not_an_app"));
    expect(sketch.code).toBe(2);
    expect(sketch.stdout).toMatch(/minimal_not_an_app\.yml:1:1: error not_an_app: /);
    const broken = await weft("import", file("broken.yml", "app: [\n"));
    expect(broken.code).toBe(2);
    expect(broken.stdout).toMatch(/broken\.yml:\d+:\d+: error /);
    const none = await weft("import", join(folder.path, "none.yml"));
    expect([none.code, none.stdout]).toEqual([2, ""]);
    for (const { stdout, stderr } of [sketch, broken, none]) expect(stdout + stderr).not.toMatch(/^\s+at /m);
  });

  test("lists all problems with their places", async () => {
    const source = readFileSync(fixture("conditional_hello_branching_workflow"), "utf8");
    const wrong = source
      .replace("comparison_operator: contains", "comparison_operator: ==")
      .replace("target: 'no'\n", "target: nobody\n");
    const { code, stdout } = await weft("import", file("wrong.yml", wrong));
    expect(code).toBe(2);
    expect(stdout).toMatch(/wrong\.yml:\d+:\d+: error unknown_operator: /);
    expect(stdout).toMatch(/wrong\.yml:\d+:\d+: error unknown_node: /);
  });

  test("refuses a knowledge pipeline, whose first node cannot run", async () => {
    const node = (id: string, type: string): object => ({ id, data: { type, title: id } });
    const graph = {
      nodes: [node("source", "datasource"), node("index", "knowledge-index")],
      edges: [{ source: "source", target: "index" }],
    };
    const text = JSON.stringify({
      kind: "rag_pipeline",
      version: "0.1.0",
      rag_pipeline: { name: "p" },
      workflow: { graph },
    });
    const { code, stdout } = await weft("import", file("pipeline.yml", text));
    expect(code).toBe(2);
    expect(stdout).toContain("2 not supported");
    expect(stdout).toContain("cannot run as it is");
  });

  test("writes a native workflow that gives the same, where every node can be expressed", async () => {
    const native = join(folder.path, "native.yaml");
    const { code } = await weft(
      "import",
      fixture("conditional_parallel_code_execution_workflow"),
      "--to-native",
      native,
    );
    expect(code).toBe(0);
    const run = await weft("run", native, "-i", "switch=1", "--json", "-q");
    expect((JSON.parse(run.stdout) as { outputs: object }).outputs).toEqual({
      "1": "Code 1",
      "2": "Code 2",
      "3": null,
    });
  });

  test("says which nodes have no native form, and writes nothing", async () => {
    const native = join(folder.path, "native.yaml");
    const { code, stderr } = await weft(
      "import",
      fixture("increment_loop_with_break_condition_workflow"),
      "--to-native",
      native,
    );
    expect(code).toBe(1);
    expect(stderr).toContain("loop (loop): steps of type loop keep rules of Dify's own");
    expect(() => readFileSync(native)).toThrow("ENOENT");
  });
});

describe("weft run", () => {
  const outputs = async (...args: readonly string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await weft("run", ...args, "--json", "-q");
    expect([code, stderr]).toEqual([0, ""]);
    return (JSON.parse(stdout) as { outputs: unknown }).outputs;
  };

  test("takes a Dify file with the fields of its form", async () => {
    expect(await outputs(fixture("e2e-echo-workflow"), "-i", "x=hello", "-i", "num=1")).toEqual({ x: "hello" });
  });

  test("takes the message of a conversation as query", async () => {
    expect(await outputs(fixture("e2e-echo-chat"), "-i", "query=q")).toEqual({ answer: "echo:q", files: [] });
  });

  test("takes files by their path and by their address", async () => {
    const path = file("a.md", "# words");
    for (const given of [`file_input=@${path}`, "file_input=https://files.example.com/a.pdf"])
      expect(await outputs(fixture("e2e-file-chat"), "-i", "query=q", "-i", given)).toEqual({
        answer: "ok",
        files: [],
      });
    const text = await weft("run", fixture("e2e-file-chat"), "-i", "query=q", "-i", "file_input=words");
    expect([text.code, text.stderr]).toEqual([2, expect.stringContaining("The input file_input is a file")]);
  });

  test("refuses inputs in the words of Dify, before the run", async () => {
    const { code, stderr } = await weft("run", fixture("e2e-echo-workflow"), "-i", "x=a", "-i", "num=abc");
    expect(code).not.toBe(0);
    expect(stderr).toContain("num in input form must be a valid number");
  });

  test("shows the steps on a terminal, and says so of files that are wrong", async () => {
    const run = new Weft(["run", fixture("simple_passthrough_workflow"), "-i", "query=hello"]);
    const { code, stdout, stderr } = await run.ended();
    expect([code, stdout]).toEqual([0, "hello\n"]);
    expect(stderr).toContain("done");
    const wrong = await weft("run", fixture("minimal_not_an_app"));
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("not_an_app")]);
  });
});

test("weft validate reads Dify files too", async () => {
  const { code, stdout } = await weft("validate", fixture("simple_passthrough_workflow"));
  expect([code, stdout]).toEqual([0, expect.stringContaining("valid, workflow simple_passthrough_workflow, 2 steps")]);
});
