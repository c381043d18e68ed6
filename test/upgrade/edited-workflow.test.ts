import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openWeft, type Weft } from "../../packages/server/src/index.ts";

/** A workflow that changes while its runs are open (F73). */
let folder: string;
let weft: Weft;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weft-edited-"));
  weft = await openWeft({ store: folder });
});
afterEach(async () => {
  await weft.close();
  await rm(folder, { recursive: true, force: true });
});

const source = (answer: string): string =>
  JSON.stringify({
    name: "edited",
    steps: [
      { id: "door", type: "wait", signal: "go" },
      { id: `answer-${answer}`, type: "template", template: answer, depends_on: "door" },
    ],
  });

async function outputs(id: string): Promise<unknown> {
  await weft.runs.signal(id, { name: "go" });
  return (await weft.runs.wait(id))?.outputs;
}

test("a run keeps the workflow that it began with, also over a restart; later runs have the later one", async () => {
  await weft.workflows.publish(source("first"));
  const { run: before } = await weft.runs.start({ workflow: "edited" });
  await weft.workflows.publish(source("second"));
  const { run: behind } = await weft.runs.start({ workflow: "edited" });
  expect(behind.version).not.toBe(before.version);
  await weft.close();
  weft = await openWeft({ store: folder });
  expect(await outputs(before.id)).toEqual({ "answer-first": "first" });
  expect(await outputs(behind.id)).toEqual({ "answer-second": "second" });
  expect((await weft.runs.get(before.id))?.version).toBe(before.version);
});
