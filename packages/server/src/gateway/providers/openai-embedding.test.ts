import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text as readAll } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { Secret } from "../../secrets/secret.ts";
import type { EmbeddingModel } from "../model.ts";
import { openAiEmbedding } from "./openai-embedding.ts";
import { ModelPools } from "./pools.ts";

interface Seen {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** A model behind a server that answers each call with this. */
async function modelBehind(
  answer: { readonly status?: number; readonly body: unknown } | "silence",
): Promise<{ model: EmbeddingModel; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await readAll(request)) as unknown;
    seen.push({ url: request.url!, headers: request.headers, body });
    if (answer === "silence") return;
    response.writeHead(answer.status ?? 200, { "content-type": "application/json" });
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const pools = new ModelPools();
  onTestFinished(async () => {
    await pools.close();
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  const { port } = server.address() as AddressInfo;
  const model = openAiEmbedding({
    name: "vectors",
    endpoint: `http://127.0.0.1:${port}/v1/?version=2`,
    model: "embed-small",
    apiKey: new Secret("sk-top-secret"),
    headers: { "X-Org": new Secret("org-of-mine") },
    timeouts: { totalMs: 300 },
    pools,
  });
  return { model, seen };
}

const context = { signal: AbortSignal.timeout(20_000) };

test("one call is one request, and vectors come in the order of the texts", async () => {
  const data = [
    { index: 1, embedding: [0, 1] },
    { index: 0, embedding: [1, 0.5] },
  ];
  const { model, seen } = await modelBehind({ body: { data, usage: { prompt_tokens: 7 } } });
  expect(await model.embed(["a", "b"], context)).toEqual({
    vectors: [
      [1, 0.5],
      [0, 1],
    ],
    usage: { input_tokens: 7, output_tokens: 0, total_tokens: 7 },
  });
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({
    url: "/v1/embeddings?version=2",
    headers: { authorization: "Bearer sk-top-secret", "x-org": "org-of-mine" },
    body: { model: "embed-small", input: ["a", "b"], encoding_format: "float" },
  });
});

test.each([
  ["no JSON", "<html>"],
  ["no list", { vectors: [] }],
  ["a vector too few", { data: [{ embedding: [1] }] }],
  [
    "a place twice",
    {
      data: [
        { index: 0, embedding: [1] },
        { index: 0, embedding: [2] },
      ],
    },
  ],
  [
    "a place far away",
    {
      data: [
        { index: 0, embedding: [1] },
        { index: 4_000_000_000, embedding: [2] },
      ],
    },
  ],
  ["vectors of two lengths", { data: [{ embedding: [1] }, { embedding: [1, 2] }] }],
  ["no numbers", { data: [{ embedding: "AAAA" }, { embedding: "AAAA" }] }],
])("an answer with %s is none", async (_what, body) => {
  const { model } = await modelBehind({ body });
  await expect(model.embed(["a", "b"], context)).rejects.toMatchObject({ code: "MODEL_ANSWER_INVALID" });
});

test.each([
  [401, "MODEL_AUTHENTICATION"],
  [429, "MODEL_OVERLOADED"],
  [404, "MODEL_REQUEST_INVALID"],
  [500, "MODEL_UNAVAILABLE"],
])("status %i is %s, without the key", async (status, code) => {
  const { model } = await modelBehind({ status, body: { error: { message: "not for sk-top-secret" } } });
  const error = await model.embed(["a"], context).catch((thrown: unknown) => thrown as Error & { code: string });
  expect(error).toMatchObject({ code: expect.stringMatching(/^MODEL_/) as string });
  expect(`${(error as Error).message} ${JSON.stringify(error)}`).not.toContain("sk-top-secret");
  expect((error as { code: string }).code).toBe(code);
});

test("a server that says nothing has its time, and one that left does not wait", async () => {
  const { model } = await modelBehind("silence");
  await expect(model.embed(["a"], context)).rejects.toMatchObject({ code: "MODEL_TIMEOUT" });
  const reason = new Error("left");
  await expect(model.embed(["a"], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
