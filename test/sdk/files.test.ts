import { createHash, randomBytes } from "node:crypto";
import { openAsBlob } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WeftClient, type FileValue } from "@weftwork/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApp, type HttpApp } from "../../packages/server/src/http/app.ts";
import { openWeft, type Weft } from "../../packages/server/src/weft.ts";

const ROUND_TRIP = (target: string): string => `
name: round-trip
inputs: { file: object }
steps:
  - id: send
    type: http
    method: POST
    url: ${target}/upload
    multipart: { document: "{{ inputs.file }}", note: "from {{ inputs.file.name }}" }
  - id: fetch
    type: http
    url: ${target}/picture.png
    depends_on: [send]
  - id: archive
    type: http
    method: PUT
    url: ${target}/archive
    file: "{{ steps.fetch.output.body }}"
outputs:
  received: "{{ steps.send.output.body }}"
  picture: "{{ steps.fetch.output.body }}"
  archived: "{{ steps.archive.output.body }}"
`;

const picture = randomBytes(3_000_000);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

let folder = "";
let service: Server;
let weft: Weft;
let app: HttpApp;
let client: WeftClient;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "round-trip-"));
  service = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      if (request.url === "/picture.png") return response.setHeader("content-type", "image/png").end(picture);
      const text = body.subarray(0, 1000).toString("latin1");
      const told = { size: body.length, hash: sha256(body), name: /filename="([^"]*)"/.exec(text)?.[1] ?? null };
      return response.setHeader("content-type", "application/json").end(JSON.stringify(told));
    });
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  const target = `127.0.0.1:${(service.address() as AddressInfo).port}`;
  weft = await openWeft({ store: join(folder, "data"), httpAllow: [target] });
  await weft.workflows.publish(ROUND_TRIP(`http://${target}`));
  const log = (): void => undefined;
  const config = { host: "127.0.0.1", port: 0, bodyLimit: 100_000 };
  app = createApp({ weft, config, logger: { info: log, warn: log, error: log } });
  await app.listen();
  client = new WeftClient({ baseUrl: `http://127.0.0.1:${(app.fastify.server.address() as AddressInfo).port}` });
});
afterAll(async () => {
  await app.close();
  await weft.close({ graceMs: 0 });
  service.closeAllConnections();
  service.close();
  await rm(folder, { recursive: true });
});

test("a file on disk is uploaded, given to a run, sent on, answered with another, and read back", async () => {
  const path = join(folder, "large.bin");
  const bytes = randomBytes(2_000_000);
  await writeFile(path, bytes);
  const file = await client.upload(await openAsBlob(path, { type: "application/x-data" }), { name: "large.bin" });
  expect(file).toMatchObject({ size: bytes.length, sha256: sha256(bytes), mime_type: "application/x-data" });
  const { id } = await client.start({ workflow: "round-trip", inputs: { file: { ...file } } });
  const run = await client.wait(id);
  expect(run.error).toBeNull();
  const {
    received,
    picture: kept,
    archived,
  } = run.outputs as unknown as {
    received: { size: number; name: string };
    picture: FileValue;
    archived: { hash: string };
  };
  expect(received.name).toBe("large.bin");
  expect(received.size).toBeGreaterThan(bytes.length);
  expect(kept).toMatchObject({ type: "file", name: "picture.png", mime_type: "image/png", sha256: sha256(picture) });
  expect(archived.hash).toBe(sha256(picture));
  const read = new Uint8Array(await new Response(await client.download(kept.id)).arrayBuffer());
  expect(sha256(read)).toBe(sha256(picture));
});

test("a run whose file was removed fails with what to do", async () => {
  const file = await client.upload("short");
  await client.removeFile(file.id);
  const { id } = await client.start({ workflow: "round-trip", inputs: { file: { ...file } } });
  const run = await client.wait(id);
  expect([run.status, run.error?.code, run.error?.step]).toEqual(["failed", "FILE_NOT_FOUND", "send"]);
  expect(run.error?.message).toContain("Upload it again");
});

test("a sparse file of 60 MB is uploaded without being in memory whole, and counted to its last byte", async () => {
  const path = join(folder, "sparse.bin");
  const handle = await open(path, "w");
  await handle.truncate(60 * 1024 ** 2);
  await handle.close();
  const file = await client.upload(await openAsBlob(path));
  expect(file.size).toBe(60 * 1024 ** 2);
  const hash = createHash("sha256");
  for (let i = 0; i < 60; i++) hash.update(Buffer.alloc(1024 ** 2));
  expect(file.sha256).toBe(hash.digest("hex"));
});
