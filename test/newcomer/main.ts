/**
 * The path of somebody who meets Weftwork today, on this machine, from the first start to a test of their own:
 *
 *   node test/newcomer/main.ts
 *
 * Every command is a process of its own, and what it prints is read. It makes one folder and removes it again.
 */
import { strict as assert } from "node:assert";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SubmittedRun } from "@weftwork/sdk";
import { temporaryFolder, Weft } from "../cli/weft.ts";
import { holds, Newcomer, step } from "./steps.ts";

const TEXT = "A loom weaves cloth from warp and weft. The loom keeps its warp under tension. Cloth is rolled up.";

/** A file of one's own: a summary, a pause to look at, a page. */
const FLOW = `name: my-page
inputs: { text: string }
steps:
  - id: summary
    type: model_inference
    model: builtin/extract
    input: "{{ inputs.text }}"
    params: { task: summary, sentences: 1 }
  - { id: breath, type: wait, for: 1, depends_on: summary }
  - id: page
    type: template
    depends_on: breath
    template: "My page: {{ steps.summary.output | trim }}"
outputs:
  page: "{{ steps.page.output }}"
`;
/** A step that does not exist: found before anything runs. */
const MISSPELT = FLOW.replace("{{ steps.summary.output | trim }}", "{{ steps.sumary.output | trim }}");
/** A text has no title: found only when it runs. */
const BROKEN = FLOW.replace("{{ steps.summary.output | trim }}", "{{ steps.summary.output.title.first }}");
const FIXED = FLOW.replace("My page:", "My better page:");

const home = temporaryFolder();
const file = (name: string): string => join(home.path, name);
const write = (text: string): void => writeFileSync(file("my-page.yaml"), text);
let server: Weft | null = null;

async function path(): Promise<void> {
  const url = await step("start the server", async () => {
    server = new Weft(["serve", "--port", "0"], { cwd: home.path });
    const [, address] = await server.shows(/listens on (http:\/\/\S+)/);
    await server.shows(/Published the examples/);
    return address!;
  });
  const me = new Newcomer(home.path, { WEFT_SERVER: url });

  async function submit(): Promise<string> {
    const { stdout } = await me.weft(0, "runs", "start", "my-page", "-i", `text=${TEXT}`, "--json");
    return (JSON.parse(stdout) as SubmittedRun).id;
  }

  await step("publish a file of one's own", async () => {
    write(FLOW);
    holds((await me.weft(0, "workflows", "publish", "my-page.yaml")).stdout, "my-page 0.0.1");
  });

  await step("run it, and watch it in a terminal", async () => {
    const id = await submit();
    const shown = await me.terminal("runs", "watch", id);
    if (shown === null) process.stdout.write("         (no script of util-linux here: watched without a terminal)\n");
    else holds(shown, "\x1b[", "summary", "breath", "page");
    const { stdout } = await me.weft(0, "runs", "watch", id);
    holds(stdout, "My page: ", "loom");
  });

  await step("misspell it: publishing says where, and what was meant", async () => {
    write(MISSPELT);
    const { stdout, stderr } = await me.weft(2, "workflows", "publish", "my-page.yaml");
    holds(stdout + stderr, /my-page\.yaml:13:\d+/, "sumary", /did you mean summary/i);
  });

  const failed = await step("break it so that only a run can tell, and read the error", async () => {
    write(BROKEN);
    holds((await me.weft(0, "workflows", "publish", "my-page.yaml")).stdout, "my-page 0.0.2");
    const id = await submit();
    holds((await me.weft(1, "runs", "watch", id)).stderr, "failed at step page", "EXPRESSION_ERROR", "title");
    holds((await me.weft(0, "runs", "show", id)).stdout, /page +failed/, /summary +succeeded/, "EXPRESSION_ERROR");
    holds((await me.weft(0, "runs", "list", "--status", "failed")).stdout, id, "EXPRESSION_ERROR");
    return id;
  });

  const mended = await step("fix it, and rerun from the step that failed", async () => {
    write(FIXED);
    holds((await me.weft(0, "workflows", "publish", "my-page.yaml")).stdout, "my-page 0.0.3");
    const again = await me.weft(0, "runs", "rerun", failed, "page", "--version", "0.0.3", "--json");
    const { id, reused } = JSON.parse(again.stdout) as { id: string; reused: number };
    // The summary and the pause are taken over; only the page is written anew.
    assert.equal(reused, 2);
    holds((await me.weft(0, "runs", "watch", id)).stdout, "My better page: ", "loom");
    return id;
  });

  await step("export the run as one file that tells everything", async () => {
    await me.weft(0, "runs", "export", mended, "-o", "run.json");
    const exported = readFileSync(file("run.json"), "utf8");
    assert.ok(typeof JSON.parse(exported) === "object");
    holds(exported, mended, "my-page", "My better page");
  });

  await step("record a run as a test case, and run the test", async () => {
    await me.weft(0, "run", "my-page.yaml", "-q", "-i", `text=${TEXT}`, "--record", "my-page.test.yaml");
    holds(readFileSync(file("my-page.test.yaml"), "utf8"), "cases:", "My better page");
    holds((await me.weft(0, "test", "my-page.yaml")).stdout, "✓", "1 passed in 1 file");
  });

  await step("change the file: the test fails, and shows both texts", async () => {
    write(FIXED.replace("My better page:", "Page:"));
    holds((await me.weft(1, "test", "my-page.yaml")).stdout, "1 failed", "- expected", "My better page: ", "+ actual");
  });

  await step("stop the server: it ends by itself", async () => {
    server!.process.kill("SIGTERM");
    assert.equal((await server!.ended()).code, 0);
    server = null;
  });
}

const startedAt = performance.now();
try {
  await path();
  process.stdout.write(
    `The newcomer's path is open; it took ${((performance.now() - startedAt) / 1000).toFixed(1)} s.\n`,
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
} finally {
  const left = server as Weft | null;
  left?.process.kill("SIGKILL");
  await left?.ended();
  home.remove();
}
