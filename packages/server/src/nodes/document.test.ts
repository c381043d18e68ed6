import type { Json, JsonObject } from "@weftwork/core";
import { afterAll, expect, test } from "vitest";
import { docxOf, paragraph } from "../documents/documents.testing.ts";
import { documentReader } from "../documents/reader.ts";
import { documentNode } from "./document.ts";
import { httpNode } from "./http.ts";
import { service, testFiles } from "./http-service.testing.ts";
import type { Outcome } from "./node.ts";
import { testTask } from "./test-task.ts";

const documents = documentReader();
afterAll(() => documents.close());
const files = await testFiles();
const http = httpNode({ files, allow: [] });
const node = documentNode({ documents, files, http });

async function kept(name: string, content: string | Uint8Array): Promise<JsonObject> {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(content);
  }
  return { ...(await files.put("default", { name }, source())).value };
}

async function read(config: JsonObject, input: Json = null): Promise<Outcome> {
  return node.execute(testTask(config, { input }));
}

const word = await kept("a.docx", docxOf(paragraph("你好")));
const note = await kept("b.md", "# Hi");
const page = await kept("c.html", "<p>a<p>b");

test.each<[string, JsonObject, Json, Json]>([
  ["a file is its text", { file: word }, null, "你好"],
  ["a list of files is the list of their texts", { file: [note, word] }, null, ["# Hi", "你好"]],
  ["files is a list, even of one", { files: note }, null, ["# Hi"]],
  ["the input is the file where none is given", {}, note, "# Hi"],
  ["no files are no texts", { file: [] }, null, []],
  ["HTML is its source", { file: page }, null, "<p>a<p>b"],
  ["HTML is its text on request", { file: page, html: "text" }, null, "a\nb"],
  [
    "a file as Dify writes it is one",
    { dialect: "dify", is_array_file: false, file: { dify_model_identity: "__dify__file__", related_id: word["id"]! } },
    null,
    "你好",
  ],
])("%s", async (_fact, config, input, output) => {
  expect(await read(config, input)).toEqual({ type: "completed", output });
});

test.each<[string, JsonObject, string, RegExp]>([
  ["text", { file: "hello" }, "STEP_FAILED", /is no file/],
  ["nothing", {}, "STEP_FAILED", /is no file/],
  [
    "a file at a private address",
    { file: { dify_model_identity: "__dify__file__", remote_url: "http://127.0.0.1:1/a.pdf" } },
    "REQUEST_BLOCKED",
    /WEFT_HTTP_ALLOW/,
  ],
  [
    "a file that is gone",
    { file: { type: "file", id: "file-00000000-0000-0000-0000-000000000000" } },
    "FILE_NOT_FOUND",
    /no file/,
  ],
  [
    "one of another kind among good ones",
    { files: [note, await kept("x.exe", "x")] },
    "DOCUMENT_TYPE_UNKNOWN",
    /x\.exe/,
  ],
  ["too many", { files: Array.from({ length: 101 }, () => note) }, "STEP_FAILED", /for_each/],
])("%s fails the step", async (_what, config, code, message) => {
  expect(await read(config)).toMatchObject({
    type: "failed",
    failure: { code, message: expect.stringMatching(message) as string },
  });
});

test("the files of others are not there", async () => {
  const task = { ...testTask({ file: note }), tenant: "other" };
  expect(await node.execute(task)).toMatchObject({ type: "failed", failure: { code: "FILE_NOT_FOUND" } });
});

test("a file of an imported graph that lies at an address is fetched under the guard, and kept", async () => {
  const from = await service((_, response) => response.setHeader("content-type", "text/markdown").end("# From afar"));
  const opened = httpNode({ files, allow: [from.target] });
  const reading = documentNode({ documents, files, http: opened });
  const file = { dify_model_identity: "__dify__file__", remote_url: `${from.url}/a.md` };
  expect(await reading.execute(testTask({ dialect: "dify", file }))).toEqual({
    type: "completed",
    output: "# From afar",
  });
  await opened.close?.();
});
