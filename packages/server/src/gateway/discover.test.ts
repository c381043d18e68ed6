import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { startModelServer } from "../testkit/model-server.ts";
import { discoverModels, ollamaOrigin, parseModelList } from "./discover.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

const NONE = { ollama: null, lm_studio: null, llama_cpp: null, vllm: null };

async function serverOf(...models: string[]) {
  const server = await startModelServer({ script: { text: "never asked" }, models });
  open.push(() => server.close());
  return { server, port: Number(new URL(server.url).port) };
}

test("servers on loopback are found with the names of their models, and none gets a prompt", async () => {
  const [ollama, vllm] = [
    await serverOf("llama3.2:latest", "qwen3:4b", "nomic-embed-text:latest"),
    await serverOf("org/model-7b"),
  ];
  const found = await discoverModels({ ports: { ...NONE, ollama: ollama.port, vllm: vllm.port } });
  expect(found).toEqual([
    { name: "ollama/llama3.2", provider: "ollama", endpoint: `${ollama.server.url}/v1`, model: "llama3.2:latest" },
    { name: "ollama/qwen3:4b", provider: "ollama", endpoint: `${ollama.server.url}/v1`, model: "qwen3:4b" },
    { name: "vllm/org/model-7b", provider: "vllm", endpoint: `${vllm.server.url}/v1`, model: "org/model-7b" },
  ]);
  expect([...ollama.server.requests, ...vllm.server.requests]).toEqual([]);
});

test("a server that does not answer costs its time and nothing else", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  open.push(() => new Promise((resolve) => silent.close(() => resolve()) && silent.closeAllConnections()));
  await new Promise((resolve) => silent.once("listening", resolve));
  const { port } = silent.address() as AddressInfo;
  const { port: there } = await serverOf("m");
  const start = performance.now();
  const found = await discoverModels({ ports: { ...NONE, lm_studio: port, vllm: there }, timeoutMs: 1000 });
  expect(found.map(({ name }) => name)).toEqual(["vllm/m"]);
  expect(performance.now() - start).toBeLessThan(5000);
});

test("four loopback addresses are asked, for their lists only; OLLAMA_HOST moves one of them", async () => {
  const asked: string[] = [];
  const probe = async (url: string): Promise<null> => {
    asked.push(url);
    return null;
  };
  await discoverModels({ probe });
  expect(asked).toEqual([
    "http://127.0.0.1:11434/api/tags",
    "http://127.0.0.1:1234/v1/models",
    "http://127.0.0.1:8080/v1/models",
    "http://127.0.0.1:8000/v1/models",
  ]);
  asked.length = 0;
  await discoverModels({ probe, ollamaHost: "0.0.0.0:9999" });
  await discoverModels({ probe, ollamaHost: "10.0.0.5" });
  expect(asked.filter((url) => url.endsWith("/api/tags"))).toEqual(["http://127.0.0.1:9999/api/tags"]);
});

test.each([
  ["127.0.0.1", "http://127.0.0.1:11434"],
  ["localhost:1", "http://localhost:1"],
  [":4000", "http://127.0.0.1:4000"],
  ["0.0.0.0", "http://127.0.0.1:11434"],
  ["[::1]:5", "http://[::1]:5"],
  ["http://127.0.0.1:80", "http://127.0.0.1:80"],
  ["https://localhost", "https://localhost:443"],
  ["192.168.1.2:11434", null],
  ["127.0.0.1.evil.example", null],
  ["evil.example", null],
  ["user@evil.example", null],
  ["::::", null],
])("OLLAMA_HOST %s leads to %s", (text, origin) => {
  expect(ollamaOrigin(text)).toBe(origin);
});

test("answers that are no list of models give none", () => {
  for (const text of ["", "<html>", "null", "[]", '{"data":{}}', '{"data":[1,{"id":2},{"id":""}]}']) {
    expect(parseModelList("vllm", "http://127.0.0.1:1", text)).toEqual([]);
  }
});

test("llama.cpp's file paths become names, and models of other kinds are left out", () => {
  const data = ["/srv/models/Qwen3-4B-Q4.gguf", "bge-m3", "text-embedding-3", "whisper-1"].map((id) => ({ id }));
  expect(parseModelList("llama_cpp", "http://h", JSON.stringify({ data }))).toMatchObject([
    { name: "llama_cpp/Qwen3-4B-Q4", model: "/srv/models/Qwen3-4B-Q4.gguf" },
  ]);
});
