import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryFolder, Weft, weft } from "./weft.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => void (folder = temporaryFolder()));
afterEach(() => folder.remove());

const PICKY = `
name: picky
inputs: {amount: number}
steps:
  - {id: ask, type: model_inference, prompt: "what is 100 by {{ inputs.amount }}?"}
  - id: divide
    type: javascript
    depends_on: [ask]
    code: |
      function main({ amount }) {
        if (amount === 0) throw new Error("amount is zero");
        return 100 / amount;
      }
    inputs: {amount: "{{ inputs.amount }}"}
outputs: {share: "{{ steps.divide.output }}"}
`;

test("a dead letter is shown, edited, retried, and succeeds; its exported run replays with the same result", async () => {
  const file = join(folder.path, "picky.yaml");
  writeFileSync(file, PICKY);
  const serving = new Weft(["serve", "--port", "0", "--data", join(folder.path, "data")]);
  const [server] = await serving.shows(/http:\/\/127\.0\.0\.1:\d+/);
  const at = (...args: readonly string[]): ReturnType<typeof weft> => weft(...args, "--server", server);
  const exported = join(folder.path, "failed.json");
  const mended = join(folder.path, "mended.json");
  try {
    expect((await at("dead-letters", "ls")).stdout).toContain("No dead letter fits");
    expect((await at("workflows", "publish", file)).code).toBe(0);
    const started = await at("runs", "start", "picky", "-i", "amount=0", "--id", "first", "--watch");
    expect(started.code).toBe(1);
    expect((await at("dead-letters", "ls")).stdout).toMatch(/first +picky 0\.0\.1 +CODE_FAILED/);
    const shown = await at("dead-letters", "show", "first");
    expect(shown.stdout).toContain("amount is zero");
    expect(shown.stdout).toContain("Failed at divide (javascript)");
    expect(shown.stdout).toMatch(/1 +\d{4}-.* CODE_FAILED/);
    expect((await at("dead-letters", "export", "first", "-o", exported)).code).toBe(0);
    const retried = await at("dead-letters", "retry", "first", "-i", "amount=8", "--watch");
    expect([retried.code, retried.stdout.trim()]).toEqual([0, '{\n  "share": 12.5\n}']);
    expect((await at("dead-letters", "ls")).stdout).toContain("No dead letter fits");
    const settled = JSON.parse((await at("dead-letters", "show", "first", "--json")).stdout) as {
      retry: { run: string };
    };
    expect(settled).toMatchObject({ state: "retried", retry: { status: "succeeded" } });
    await at("runs", "export", settled.retry.run, "-o", mended);

    for (const id of ["a", "b"]) await at("runs", "start", "picky", "-i", "amount=0", "--id", id, "--watch");
    expect((await at("operations", "start", "discard")).code).toBe(2);
    const dry = await at("operations", "start", "discard", "--workflow", "picky", "--dry-run");
    expect(dry.stdout).toMatch(/for 2 runs.*\nb\na\n/);
    const done = await at("operations", "start", "discard", "--all", "--reason", "tests", "--watch");
    expect([done.code, done.stdout]).toEqual([0, expect.stringContaining("2 runs: 2 done, 0 failed, 0 skipped")]);
    const id = /op_[\w-]+/.exec(done.stdout)![0];
    expect((await at("operations", "ls")).stdout).toMatch(new RegExp(`${id} +discard +done +2/2`));
    expect((await at("operations", "show", id)).stdout).toContain("2 done");
    expect((await at("operations", "abort", id)).stdout).toContain("done");
    expect((await at("dead-letters", "show", "a")).stdout).toContain("tests");
  } finally {
    serving.process.kill("SIGTERM");
    await serving.ended();
  }

  const failed = await weft("run", "--from-export", exported);
  expect(failed.code).toBe(0);
  expect(failed.stderr).toContain("came to the same");
  expect(failed.stderr).toContain("amount is zero");
  const again = await weft("run", "--from-export", mended);
  expect([again.code, again.stdout.trim()]).toEqual([0, '{\n  "share": 12.5\n}']);
  const live = await weft("run", "--from-export", exported, "--live", "ask", "--json");
  expect(live.code).toBe(0);
  expect(JSON.parse(live.stdout)).toMatchObject({ same: true, tries: { live: 1 } });
  writeFileSync(exported, readFileSync(exported, "utf8").replaceAll("is zero", "is none"));
  expect(await weft("run", "--from-export", exported)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no export of a run"),
  });
  expect(await weft("run")).toMatchObject({ code: 2 });
  expect(await weft("run", file, "--live", "ask")).toMatchObject({ code: 2 });
}, 120_000);
