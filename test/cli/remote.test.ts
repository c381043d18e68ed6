import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Page, Run, RunDetail, RunListItem } from "@weftwork/sdk";
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

/** A process takes its time to start on a busy machine. */
const PATIENCE = { timeout: 20_000 };

const folder = temporaryFolder();
afterAll(() => folder.remove());

const weft = (...args: readonly string[]): Promise<Ended> => new Weft(args, { env }).ended();

async function ended(workflow: string, id: string, inputs: Run["inputs"] = {}): Promise<void> {
  await server.weft.runs.start({ workflow, id, inputs });
  await server.weft.runs.wait(id, { timeoutMs: 10_000 });
}

describe("weft runs start", () => {
  test("submits a run with inputs as the workflow declares them, and says how to watch it", async () => {
    await server.weft.workflows.publish(
      "name: typed\ninputs: {n: integer, text: string}\nsteps: [{id: a, type: template, template: '{{ inputs.n + 1 }} {{ inputs.text }}'}]\n",
    );
    const note = join(folder.path, "note.txt");
    writeFileSync(note, "from a file");
    const inputs = ["-i", "n=41", "-i", `text=@${note}`];
    const { code, stdout } = await weft("runs", "start", "typed", ...inputs, "--id", "mine");
    expect([code, stdout]).toEqual([0, "mine is submitted; watch it with weft runs watch mine\n"]);
    expect((await server.weft.runs.wait("mine", { timeoutMs: 10_000 }))?.outputs).toEqual({ a: "42 from a file" });
    const again = await weft("runs", "start", "typed", ...inputs, "--id", "mine", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ id: "mine", status: "succeeded" });
    expect((await weft("--lang", "zh", "runs", "start", "typed", ...inputs)).stdout).toContain("已提交");
  });

  test("--watch follows it and exits as it ended; --version, --at and --priority are as the API has them", async () => {
    const watched = await weft("runs", "start", "hello", "-i", "text=x", "--watch", "--version", "0.0.1");
    expect([watched.code, watched.stdout]).toEqual([0, "hi x\n"]);
    const later = ["runs", "start", "hello", "-i", "text=x", "--id", "later", "--at", "2h", "--priority", "batch"];
    expect((await weft(...later)).code).toBe(0);
    expect(await server.weft.runs.get("later")).toMatchObject({ status: "pending", priority: "batch" });
  });

  test.each([
    { fact: "an input that does not fit", args: ["hello", "-i", "text"], code: 2, says: "name=value" },
    { fact: "inputs that are missing", args: ["hello"], code: 2, says: "text" },
    { fact: "no such workflow", args: ["nope"], code: 1, says: "No workflow nope is published here" },
    { fact: "no such version", args: ["hello", "-i", "text=x", "--version", "9.9.9"], code: 1, says: "9.9.9" },
    { fact: "no such priority", args: ["hello", "-i", "text=x", "--priority", "now"], code: 2, says: "interactive" },
    { fact: "a time that is none", args: ["hello", "-i", "text=x", "--at", "soon"], code: 2, says: "is no time" },
  ])("refuses $fact, with a sentence", async ({ args, code, says }) => {
    const refused = await weft("runs", "start", ...args);
    expect([refused.code, refused.stderr]).toEqual([code, expect.stringContaining(says)]);
    expect(refused.stderr).not.toContain("    at ");
  });
});

describe("weft runs", () => {
  test("list shows the newest first with what became of them, as a table or as JSON", async () => {
    await ended("hello", "good", { text: "x" });
    server.isBroken = true;
    await ended("fragile", "bad");
    const { code, stdout } = await weft("runs", "list");
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^RUN +WORKFLOW +STATUS +SUBMITTED +TOOK +ERROR$/);
    expect(lines[1]).toMatch(/^bad +fragile 0\.0\.1 +failed +.* ago +\d+ ms +BROKEN$/);
    expect(lines[2]).toMatch(/^good +hello 0\.0\.1 +succeeded /);
    expect(stdout).not.toContain("\x1b");
    const json = await weft("runs", "list", "--status", "failed", "--since", "1h", "--json");
    expect((JSON.parse(json.stdout) as Page<RunListItem>).data.map(({ id }) => id)).toEqual(["bad"]);
  });

  test("list says how to go on, and refuses what is no filter", async () => {
    for (const id of ["a", "b"]) await ended("hello", id, { text: "x" });
    const { stdout } = await weft("runs", "list", "-n", "1");
    const [, cursor] = /There are more: --cursor (\S+)/.exec(stdout)!;
    expect((await weft("runs", "list", "--cursor", cursor!)).stdout).toMatch(/^a +hello/m);
    const wrong = await weft("runs", "list", "--status", "done");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("must be one or several of")]);
    expect((await weft("runs", "list", "--since", "yesterday")).code).toBe(2);
  });

  test("show tells the steps, the error and where", async () => {
    server.isBroken = true;
    await ended("fragile", "f");
    const { code, stdout } = await weft("runs", "show", "f");
    expect(code).toBe(0);
    expect(stdout).toContain("the run failed at step last: it is broken (BROKEN)");
    expect(stdout).toMatch(/^paid +succeeded +\d+ ms +7 +paid for$/m);
    expect(stdout).toMatch(/^last +failed .*it is broken \(BROKEN\)$/m);
    const json = await weft("runs", "show", "f", "--json");
    expect((JSON.parse(json.stdout) as RunDetail).steps).toHaveLength(2);
  });

  test("watch shows the steps as they go, then prints the result and exits as the run ended", async () => {
    await server.weft.runs.start({ workflow: "gated", id: "g" });
    const watching = new Weft(["runs", "watch", "g"], { env });
    await server.arrived();
    await expect.poll(() => watching.stderr, PATIENCE).toContain("wait runs");
    server.open();
    const { code, stdout, stderr } = await watching.ended();
    expect([code, stdout]).toEqual([0, "opened\n"]);
    expect(stderr).toMatch(/✓ first done/);
    expect(stderr).toMatch(/✓ wait done/);
    server.isBroken = true;
    await ended("fragile", "f");
    const failed = await weft("runs", "watch", "f");
    expect([failed.code, failed.stdout]).toEqual([1, ""]);
    expect(failed.stderr).toContain("the run failed at step last: it is broken (BROKEN)");
  });

  test("Ctrl-C ends the watching and not the run", async () => {
    await server.weft.runs.start({ workflow: "gated", id: "g" });
    const watching = new Weft(["runs", "watch", "g"], { env });
    await expect.poll(() => watching.stderr, PATIENCE).toContain("wait runs");
    watching.process.kill("SIGINT");
    const { code, stderr } = await watching.ended();
    expect([code, stderr]).toEqual([130, expect.stringContaining("the run g goes on")]);
    expect(await server.weft.runs.get("g")).toMatchObject({ status: "running" });
    const cancelled = await weft("runs", "cancel", "g", "--reason", "enough");
    expect(cancelled.code).toBe(0);
    expect((await weft("runs", "watch", "g")).code).toBe(3);
  });

  test("retry and rerun say what is reused, and can be watched", async () => {
    server.isBroken = true;
    await ended("fragile", "f");
    server.isBroken = false;
    const { code, stdout, stderr } = await weft("runs", "retry", "f", "--watch");
    expect([code, stdout]).toEqual([0, "fine\n"]);
    expect(stderr).toMatch(/^run_\S+ runs f again, and reuses 1 result and 7 tokens$/m);
    const rerun = await weft("runs", "rerun", "f", "paid", "--json");
    expect(JSON.parse(rerun.stdout)).toMatchObject({ rerun_of: "f", reused: 0 });
    const refused = await weft("runs", "rerun", "f", "nope");
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("has no step root/nope")]);
  });

  test("signals and decisions reach the steps that wait for them", async () => {
    await server.weft.workflows.publish(
      "name: people\nsteps:\n  - {id: s, type: wait, signal: go}\n  - {id: ok, type: approval, depends_on: [s]}\n",
    );
    await server.weft.runs.start({ workflow: "people", id: "p" });
    const early = await weft("runs", "approve", "p", "ok");
    expect([early.code, early.stderr]).toEqual([1, expect.stringContaining("has no step ok that waits for this")]);
    expect((await weft("runs", "signal", "p", "go", "--payload", "{")).code).toBe(2);
    expect((await weft("runs", "signal", "p", "go", "--payload", '{"a":1}')).stdout).toBe("p has the signal go\n");
    await expect.poll(async () => (await server.weft.runs.get("p"))?.waiting_for?.step, PATIENCE).toBe("ok");
    expect((await weft("runs", "reject", "p", "ok", "--by", "ann")).stdout).toBe("p: ok is rejected\n");
    expect((await server.weft.runs.wait("p", { timeoutMs: 10_000 }))?.finished_at).not.toBeNull();
  });

  test("a run that is not there is a sentence", async () => {
    const { code, stderr } = await weft("runs", "show", "none");
    expect([code, stderr]).toEqual([1, "weft: There is no run none.\n"]);
  });
});

describe("weft workflows", () => {
  test("publish sends the code beside the file, and list and show tell of it", async () => {
    writeFileSync(join(folder.path, "code.js"), "export function main() { return 1; }\n");
    const file = join(folder.path, "coded.yaml");
    writeFileSync(
      file,
      "name: coded\nsteps:\n  - {id: a, type: javascript, file: code.js}\n  - {id: b, type: flaky, depends_on: [a]}\n",
    );
    const { code, stdout } = await weft("workflows", "publish", file);
    expect([code, stdout]).toEqual([0, "coded 0.0.1 is published\n"]);
    expect((await weft("workflows", "publish", file)).stdout).toBe("coded 0.0.1 was published already\n");
    expect((await weft("workflows", "list")).stdout).toMatch(/^coded +0\.0\.1 /m);
    expect((await weft("workflows", "show", "coded")).stdout).toMatch(/^b +flaky +a$/m);
    expect((await weft("workflows", "show", "coded", "--source")).stdout).toContain("return 1");
  });

  test("publish tells every problem at its place and publishes nothing of that file", async () => {
    const file = join(folder.path, "wrong.yaml");
    writeFileSync(
      file,
      "name: wrong\nsteps:\n  - {id: a, type: tempalte}\n  - {id: b, type: answer, depends_on: [x]}\n",
    );
    const { code, stderr } = await weft("workflows", "publish", file);
    expect(code).toBe(2);
    expect(stderr).toContain(`${file}:3:`);
    expect(stderr).toContain(`${file}:4:`);
    expect((await weft("workflows", "show", "wrong")).code).toBe(1);
  });
});

describe("a server that is not there", () => {
  test("is one sentence that says what to do", async () => {
    const unused = createServer();
    await new Promise<void>((resolve) => unused.listen(0, "127.0.0.1", resolve));
    const { port } = unused.address() as AddressInfo;
    await new Promise((resolve) => unused.close(resolve));
    const url = `http://127.0.0.1:${port}`;
    const { code, stdout, stderr } = await weft("runs", "list", "--server", url);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(
      `weft: no server answers at ${url} (ECONNREFUSED). Start one with weft serve, or name another with --server.\n`,
    );
  });

  test("an address that is none, and a command that is none, are wrong usage", async () => {
    expect((await weft("runs", "list", "--server", "http://:")).code).toBe(2);
    expect((await weft("runs", "lst")).code).toBe(2);
    expect((await weft("runs")).code).toBe(2);
  });
});
