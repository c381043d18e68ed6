import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunDetail } from "@weftwork/sdk";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { testApp, type TestApp } from "../../packages/server/src/http/app.testing.ts";
import { temporaryFolder, Weft, type Ended } from "./weft.ts";

let server: TestApp;
let env: Record<string, string>;
beforeEach(async () => {
  server = await testApp(20);
  env = { WEFT_SERVER: `http://127.0.0.1:${await server.port()}` };
});
afterEach(() => server.close());

const folder = temporaryFolder();
afterAll(() => folder.remove());

const PATIENCE = { timeout: 20_000 };
const weft = (...args: readonly string[]): Promise<Ended> => new Weft(args, { env }).ended();

async function ended(workflow: string, id: string, inputs: RunDetail["inputs"] = {}): Promise<void> {
  await server.weft.runs.start({ workflow, id, inputs });
  await server.weft.runs.wait(id, { timeoutMs: 10_000 });
}

describe("weft runs", () => {
  test("export writes one document, to a file or to standard output", async () => {
    await ended("hello", "h", { text: "x" });
    const printed = await weft("runs", "export", "h");
    const file = join(folder.path, "h.json");
    const written = await weft("runs", "export", "h", "-o", file);
    expect([printed.code, written.code, written.stdout]).toEqual([0, 0, ""]);
    const document = JSON.parse(readFileSync(file, "utf8")) as { run: RunDetail };
    expect(document.run).toMatchObject({ id: "h", status: "succeeded" });
    expect((JSON.parse(printed.stdout) as { run: RunDetail }).run).toEqual(document.run);
    const refused = await weft("runs", "export", "h", "-o", join(folder.path, "none/h.json"));
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("cannot be written")]);
    expect((await weft("runs", "export", "none")).code).toBe(1);
  });

  test("list --search finds the runs with all of the words", async () => {
    await ended("hello", "red", { text: "a red boat" });
    await ended("hello", "blue", { text: "a blue boat" });
    const { code, stdout } = await weft("runs", "list", "--search", "blue boat", "--json");
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { data: { id: string }[] }).data.map(({ id }) => id)).toEqual(["blue"]);
  });

  test("logs say so where no step has logged, and refuse to follow a folder", async () => {
    await ended("hello", "h", { text: "x" });
    expect(await weft("runs", "logs", "h")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "No step has logged anything.\n",
    });
    expect(await weft("runs", "logs", "h", "--json")).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(await weft("runs", "logs", "h", "--follow")).toMatchObject({ code: 0, stdout: "" });
    expect((await weft("runs", "logs", "h", "--follow", "--data", folder.path)).code).toBe(2);
    expect((await weft("runs", "logs", "none")).code).toBe(1);
  });

  test("rerun takes changed inputs as the workflow declares them", async () => {
    await server.weft.workflows.publish(
      "name: sums\ninputs: {n: integer, text: string}\nsteps:\n" +
        "  - {id: a, type: template, template: '{{ inputs.n + 1 }} {{ inputs.text }}'}\n",
    );
    await ended("sums", "s", { n: 1, text: "kept" });
    const { code, stdout } = await weft("runs", "rerun", "s", "a", "-i", "n=41", "--watch");
    expect([code, stdout]).toEqual([0, "42 kept\n"]);
    const wrong = await weft("runs", "rerun", "s", "a", "-i", "n=many");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("read as JSON")]);
  });

  test("watch names the command that approves, and that command does", async () => {
    await server.weft.workflows.publish(
      "name: asks\nsteps:\n  - {id: ok, type: approval, title: 'Pay?'}\n" +
        "  - {id: end, type: template, template: paid, depends_on: [ok.approved]}\n",
    );
    await server.weft.runs.start({ workflow: "asks", id: "p" });
    const watching = new Weft(["runs", "watch", "p"], { env });
    await expect.poll(() => watching.stderr, PATIENCE).toContain("approve: weft runs approve p ok");
    expect(watching.stderr).toContain("◷ ok waits for approval: Pay?");
    expect((await weft("runs", "approve", "p", "ok")).code).toBe(0);
    const { code, stdout } = await watching.ended();
    expect([code, stdout]).toEqual([0, "paid\n"]);
  });
});

describe("weft workflows", () => {
  const ONE = "name: two\nsteps:\n  - {id: a, type: template, template: one}\n";

  test("versions are listed, the newest first", async () => {
    for (const source of [ONE, ONE.replace("one", "two")]) await server.weft.workflows.publish(source);
    const { code, stdout } = await weft("workflows", "versions", "two");
    const lines = stdout.trimEnd().split("\n");
    expect([code, lines[0]]).toEqual([0, expect.stringMatching(/^VERSION +PUBLISHED +HASH$/)]);
    expect(lines.slice(1).map((line) => line.split(" ")[0])).toEqual(["0.0.2", "0.0.1"]);
  });

  test("diff exits 0 for the same, 1 for a difference and 2 where it cannot compare", async () => {
    await server.weft.workflows.publish(ONE);
    const file = join(folder.path, "two.yaml");
    writeFileSync(file, ONE);
    expect(await weft("workflows", "diff", "two", file)).toMatchObject({
      code: 0,
      stdout: `two 0.0.1 and ${file} are the same.\n`,
    });
    const lonely = await weft("workflows", "diff", "two");
    expect([lonely.code, lonely.stderr]).toEqual([2, expect.stringContaining("has the one version 0.0.1")]);
    await server.weft.workflows.publish(ONE.replace("template: one", "template: other"));
    const differs = await weft("workflows", "diff", "two");
    expect([differs.code, differs.stdout]).toEqual([
      1,
      '--- two 0.0.1\n+++ two 0.0.2\nstep a is changed\n  - template: "one"\n  + template: "other"\n',
    ]);
    const json = await weft("workflows", "diff", "two", "0.0.2", "0.0.1", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      before: "two 0.0.2",
      same: false,
      steps: [{ step: "a", change: "changed" }],
    });
    for (const args of [["none"], ["two", "9.9.9"], ["two", "nowhere.yaml"]])
      expect((await weft("workflows", "diff", ...args)).code).toBe(2);
  });
});

describe("the language", () => {
  test("of messages, help and the server's problems is Chinese when asked for, and JSON is the same", async () => {
    await ended("hello", "h", { text: "x" });
    const list = await weft("runs", "list", "--lang", "zh");
    expect(list.stdout).toMatch(/^运行 +工作流 +状态/);
    expect((await weft("--lang", "zh", "runs", "show", "none")).stderr).toBe("weft: 没有运行 none。\n");
    expect((await weft("--lang=zh", "runs", "--help")).stdout).toContain("查看并操作服务器上的运行");
    expect((await weft("--lang=zh", "runs", "lst")).stderr).toContain("没有命令 lst");
    const [english, chinese] = await Promise.all([
      weft("runs", "list", "--json"),
      weft("runs", "list", "--json", "--lang", "zh"),
    ]);
    expect(chinese.stdout).toBe(english.stdout);
    expect(await weft("--lang", "xx", "runs", "list")).toMatchObject({
      code: 2,
      stderr: 'weft: --lang must be en or zh, and is "xx".\n',
    });
  });
});

describe("weft completion", () => {
  test.each(["bash", "zsh", "fish"])("prints a script for %s with every command", async (shell) => {
    const { code, stdout } = await weft("completion", shell);
    expect(code).toBe(0);
    for (const word of ["runs", "workflows", "doctor", "completion", "publish", "approve"])
      expect(stdout).toContain(word);
    expect(stdout).not.toMatch(/commands="[^"]*__complete/);
  });

  test("refuses another shell", async () => {
    expect((await weft("completion", "cmd")).code).toBe(2);
  });

  test("asks the server for names, and is quietly empty where nobody answers", async () => {
    await ended("hello", "h", { text: "x" });
    expect((await weft("__complete", "workflows")).stdout.split("\n")).toContain("hello");
    expect((await weft("__complete", "runs")).stdout).toBe("h\n");
    const alone = await new Weft(["__complete", "runs"], { env: { WEFT_SERVER: "http://127.0.0.1:1" } }).ended();
    expect(alone).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await weft("__complete", "nonsense")).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});
