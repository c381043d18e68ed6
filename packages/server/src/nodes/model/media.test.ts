import type { JsonObject } from "@weftwork/core";
import { afterEach, describe, expect, test } from "vitest";
import type { Files } from "../../files/files.ts";
import { openAiCompatible } from "../../gateway/providers/openai-compatible.ts";
import { startModelServer, type ModelServer } from "../../testkit/model-server.ts";
import { testFiles } from "../http-service.testing.ts";
import { modelInference, modelRequestOf } from "../model-inference.ts";
import { testTask } from "../test-task.ts";
import { asked, outputOf, saying, type Done } from "./asked.testing.ts";
import { MODEL_FILE_BYTES_MAX } from "./media.ts";

const servers: ModelServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function kept(files: Files, content: string | Buffer, name: string, mimeType: string): Promise<JsonObject> {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(content);
  }
  const { value } = await files.put("default", { name, mimeType }, source());
  return { ...value };
}

/** What a server of the protocol is sent by a step. */
async function sent(config: JsonObject, files: Files): Promise<{ readonly content: unknown; readonly done: Done }> {
  const server = await startModelServer({ script: { text: "seen" } });
  servers.push(server);
  const model = openAiCompatible({ name: "m", endpoint: server.url });
  const done = await asked(modelInference, model, config, { files });
  const messages = server.requests[0]?.body["messages"] as readonly JsonObject[] | undefined;
  return { content: messages?.at(-1)?.["content"], done };
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("files on their way to a model", () => {
  test("images of the store go as data addresses behind the text of the last user message, others as files", async () => {
    const files = await testFiles();
    const image = await kept(files, "pixels", "a.png", "image/png");
    const sound = await kept(files, "noise", "b.mp3", "audio/mpeg");
    const paper = await kept(files, "%PDF", "c.pdf", "application/pdf");
    const { content, done } = await sent(
      { prompt: "Look", vision: { files: [image, sound, paper], detail: "low" } },
      files,
    );
    expect(outputOf(done)).toBe("seen");
    expect(content).toEqual([
      { type: "text", text: "Look" },
      { type: "image_url", image_url: { url: `data:image/png;base64,${base64("pixels")}`, detail: "low" } },
      { type: "input_audio", input_audio: { data: base64("noise"), format: "mp3" } },
      { type: "file", file: { filename: "c.pdf", file_data: `data:application/pdf;base64,${base64("%PDF")}` } },
    ]);
  });

  test("addresses of images go as they are; one file needs no list", async () => {
    const files = await testFiles();
    const url = "https://example.org/a.png";
    expect((await sent({ prompt: "", vision: { files: url } }, files)).content).toEqual([
      { type: "image_url", image_url: { url } },
    ]);
  });

  test("parts of messages: a file itself, a kind with its file or address, and files beside a text", async () => {
    const files = await testFiles();
    const image = await kept(files, "x", "a.png", "image/png");
    const seen = { type: "image_url", image_url: { url: `data:image/png;base64,${base64("x")}` } };
    const parts = [
      { type: "text", text: "1" },
      image,
      { type: "image", file: image, detail: "high" },
      { type: "image", url: "data:image/gif;base64,AA==" },
      { type: "document", url: "data:text/plain;base64,AA==", name: "n" },
    ];
    expect((await sent({ messages: [{ role: "user", content: parts }] }, files)).content).toEqual([
      { type: "text", text: "1" },
      seen,
      { type: "image_url", image_url: { ...seen.image_url, detail: "high" } },
      { type: "image_url", image_url: { url: "data:image/gif;base64,AA==" } },
      { type: "file", file: { filename: "n", file_data: "data:text/plain;base64,AA==" } },
    ]);
    expect((await sent({ messages: [{ role: "user", content: "t", files: [image] }] }, files)).content).toEqual([
      { type: "text", text: "t" },
      seen,
    ]);
  });

  test("files of imported workflows: by their id in the store, else by their address", async () => {
    const files = await testFiles();
    const { id } = await kept(files, "x", "a.png", "image/png");
    const imported = (more: JsonObject): JsonObject => ({
      dify_model_identity: "__dify__file__",
      type: "image",
      ...more,
    });
    const vision = {
      detail: "high",
      files: [imported({ related_id: id! }), imported({ remote_url: "https://h/b.png", mime_type: "image/png" })],
    };
    const config = { dialect: "dify", params: {}, messages: [{ role: "user", content: "q", files: [] }], vision };
    expect((await sent(config, files)).content).toEqual([
      { type: "image_url", image_url: { url: `data:image/png;base64,${base64("x")}`, detail: "high" } },
      { type: "image_url", image_url: { url: "https://h/b.png", detail: "high" } },
    ]);
  });
});

describe("files that cannot go", () => {
  const textOnly = { media: [], tools: true } as const;

  test("a kind that the model does not read fails the step before it is asked, and says what to do", async () => {
    const files = await testFiles();
    const model = saying(["ok"], textOnly);
    const image = await kept(files, "x", "a.png", "image/png");
    const { outcome } = await asked(modelInference, model, { prompt: "p", vision: { files: [image] } }, { files });
    expect(outcome).toMatchObject({
      failure: {
        code: "MODEL_REQUEST_INVALID",
        message: expect.stringMatching(/no image.*a\.png.*vision\.unsupported/),
      },
    });
    expect(model.requests).toHaveLength(0);
  });

  test("or is left out where the step says so, and those who watch are told", async () => {
    const files = await testFiles();
    const model = saying(["ok"], { media: ["audio"], tools: true });
    const image = await kept(files, "x", "a.png", "image/png");
    const vision = { files: [image, "data:image/png;base64,AA=="], unsupported: "drop" };
    const { task } = await asked(modelInference, model, { prompt: "p", vision }, { files });
    expect(model.requests[0]!.messages).toEqual([{ role: "user", content: [{ type: "text", text: "p" }] }]);
    expect(task.emitted.filter(({ type }) => type === "log")).toHaveLength(2);
  });

  test("a message of nothing but such files is left out; imported steps always leave them out", async () => {
    const model = saying(["ok"], textOnly);
    const messages = [{ role: "user", content: "q", files: [] }];
    const vision = { files: ["data:image/png;base64,AA=="] };
    await asked(modelInference, model, { dialect: "dify", params: {}, messages, vision });
    expect(model.requests[0]!.messages).toEqual([{ role: "user", content: "q" }]);
  });

  test("a file that is not there, or is another tenant's, fails the step", async () => {
    const files = await testFiles();
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("x");
    }
    const { value } = await files.put("another", { name: "a.png", mimeType: "image/png" }, source());
    for (const store of [files, null]) {
      const config = { prompt: "p", vision: { files: [{ ...value }] } };
      const { outcome } = await asked(modelInference, saying(["ok"]), config, { files: store });
      expect(outcome).toMatchObject({ failure: { code: "FILE_NOT_FOUND" } });
    }
  });

  test("a file past the limit is refused by its size in the store", async () => {
    const files = await testFiles();
    const big = await kept(files, Buffer.alloc(MODEL_FILE_BYTES_MAX + 1), "big.png", "image/png");
    const config = { prompt: "p", vision: { files: [{ ...big, size: 1 }] } };
    const { outcome } = await asked(modelInference, saying(["ok"]), config, { files });
    expect(outcome).toMatchObject({
      failure: { code: "MODEL_INPUT_TOO_LONG", message: expect.stringContaining("big.png") },
    });
  });

  test.each([
    ["a path", "/etc/passwd"],
    ["a file address", "file:///etc/passwd"],
    ["a number", 7],
    ["a map that is no file", { type: "file", id: "x" }],
  ])("%s is no file", async (_fact, file) => {
    const { outcome } = await asked(modelInference, saying(["ok"]), { prompt: "p", vision: { files: [file] } });
    expect(outcome).toMatchObject({ failure: { code: "STEP_FAILED", retryable: false } });
  });
});

test("those who look on see the question without the bytes of its files", async () => {
  const id = "file-01890a5d-ac96-774b-bcce-b302099a8057";
  const request = modelRequestOf(testTask({ prompt: "p", vision: { files: [{ type: "file", id }] } }));
  expect(request!.messages[0]!.content).toEqual([
    { type: "text", text: "p" },
    { type: "file", url: id, mediaType: "application/octet-stream" },
  ]);
});
