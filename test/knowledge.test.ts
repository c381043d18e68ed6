import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openWeft, type Weft } from "weftwork";
import { configFromFolder } from "../packages/server/src/cli/config-folder.ts";

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "weft-knowledge-"));
  onTestFinished(() => rm(made, { recursive: true }));
  return made;
}

async function opened(datasets: Readonly<Record<string, string>>): Promise<Weft> {
  const weft = await openWeft({ datasets, problem: () => undefined });
  onTestFinished(() => weft.close());
  return weft;
}

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const SOURCE = `
name: ask
inputs: { question: string, table: object }
steps:
  - { id: table, type: document, file: "{{ inputs.table }}" }
  - { id: found, type: retrieval, dataset: handbook, query: "{{ inputs.question }}", top_k: 2, filter: { lang: zh }, depends_on: [table] }
  - { id: ranked, type: rerank, query: "{{ inputs.question }}", documents: "{{ steps.found.output }}", top_k: 1 }
  - { id: vectors, type: embedding, input: "{{ steps.found.output }}" }
outputs:
  table: "{{ steps.table.output }}"
  best: "{{ steps.ranked.output[0].content }}"
  score: "{{ steps.ranked.output[0].metadata.score }}"
  vectors: "{{ steps.vectors.output | length }}"
`;

test("a run reads a file, finds passages, ranks them and makes vectors of them", async () => {
  const handbook = await folder();
  await writeFile(join(handbook, "leave.md"), "---\nlang: zh\n---\n员工每年有二十八天带薪年假。");
  await writeFile(join(handbook, "travel.md"), "---\nlang: zh\n---\n员工出差坐火车订二等座。");
  await writeFile(join(handbook, "english.md"), "---\nlang: en\n---\n年假 is the word for leave.");
  const weft = await opened({ handbook });
  const { value: table } = await weft.files.put({ name: "a.csv" }, bytes("k,v\na,1\n"));
  await weft.workflows.publish(SOURCE);
  const inputs = { question: "员工有多少天年假？", table: { ...table } };
  const { run } = await weft.runs.start({ workflow: "ask", inputs });
  const ended = await weft.runs.wait(run.id);
  expect(ended).toMatchObject({
    status: "succeeded",
    outputs: { table: "| k | v |\n| --- | --- |\n| a | 1 |", best: "员工每年有二十八天带薪年假。", vectors: 2 },
  });
});

test("a step that asks a dataset that is not there fails with the names of those that are", async () => {
  const weft = await opened({ handbook: await folder() });
  await weft.workflows.publish("name: x\nsteps:\n  - { id: a, type: retrieval, dataset: handbok, query: q }\n");
  const { run } = await weft.runs.start({ workflow: "x", inputs: {} });
  expect(await weft.runs.wait(run.id)).toMatchObject({
    status: "failed",
    error: { code: "DATASET_NOT_FOUND", details: { dataset: "handbok", known: "handbook" } },
  });
});

test("datasets come from the files of the configuration and from the environment, which goes first", async () => {
  const home = await folder();
  await mkdir(join(home, "config"));
  await writeFile(join(home, "config", "base.yaml"), "datasets: { a: { folder: ../docs }, b: /srv/b }\n");
  const environment = { WEFT_DATASETS: "b=/srv/other,c=/srv/c" };
  expect(configFromFolder(environment, join(home, "config")).datasets).toEqual({
    a: join(home, "docs"),
    b: "/srv/other",
    c: "/srv/c",
  });
  await writeFile(join(home, "config", "base.yaml"), "datasets:\n  a: { folder: 7 }\n");
  expect(() => configFromFolder({}, join(home, "config"))).toThrow(
    expect.objectContaining({
      code: "CONFIGURATION_INVALID",
      details: expect.objectContaining({ mistakes: [expect.objectContaining({ line: 2 })] }) as unknown,
    }),
  );
});
