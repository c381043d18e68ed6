import { createHash, randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import type { FileValue, Json, JsonObject } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import type { Files } from "../files/files.ts";
import { rawService, service, testFiles, type Service } from "./http-service.testing.ts";
import { httpNode, type HttpOptions } from "./http.ts";
import type { Outcome } from "./node.ts";
import { testTask } from "./test-task.ts";

async function ask(
  to: Service,
  config: JsonObject,
  options: HttpOptions = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Outcome> {
  const node = httpNode({ allow: [to.target], ...options });
  const outcome = await node.execute(testTask({ url: `${to.url}/`, ...config }, { signal }));
  await node.close!();
  return outcome;
}

function bodyOf(outcome: Outcome): Json {
  if (outcome.type !== "completed") throw new Error(JSON.stringify(outcome));
  return (outcome.output as JsonObject)["body"]!;
}

const fileOf = (outcome: Outcome): FileValue => bodyOf(outcome) as unknown as FileValue;

async function kept(
  files: Files,
  content: string | Buffer,
  name = "a.txt",
  mimeType = "text/plain",
): Promise<JsonObject> {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(content);
  }
  const { value } = await files.put("default", { name, mimeType }, source());
  return { ...value };
}

const ok = (_request: unknown, response: { end(text: string): void }): void => response.end("ok");

/** The parts of a multipart body as their heads and contents. */
function partsOf(body: Buffer, contentType: string): { head: string; content: string }[] {
  const boundary = /boundary=(\S+)$/.exec(contentType)![1]!;
  const text = body.toString("latin1");
  expect(text.endsWith(`--${boundary}--\r\n`)).toBe(true);
  return text
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [head, ...content] = part.slice(2, -2).split("\r\n\r\n");
      return { head: head!, content: content.join("\r\n\r\n") };
    });
}

describe("files that are sent", () => {
  test("a file is a body as it is, with its type and length", async () => {
    const files = await testFiles();
    const to = await service(ok);
    const bytes = randomBytes(300_000);
    await ask(to, { method: "PUT", file: await kept(files, bytes, "x.png", "image/png") }, { files });
    const { headers, body } = to.requests[0]!;
    expect(headers).toMatchObject({ "content-type": "image/png", "content-length": "300000" });
    expect(headers).not.toHaveProperty("transfer-encoding");
    expect(Buffer.compare(body, bytes)).toBe(0);
    await ask(to, { method: "PUT", headers: { "content-type": "x/y" }, file: await kept(files, "a") }, { files });
    expect(to.requests[1]!.headers["content-type"]).toBe("x/y");
  });

  test("multipart has texts, lists, maps as JSON, and files with their names", async () => {
    const files = await testFiles();
    const to = await service(ok);
    const [one, two] = [await kept(files, "first"), await kept(files, Buffer.from([0, 255]), "b.bin", "x/y")];
    const multipart = { title: "Hello\r\n--x", n: 3, none: null, tags: ["p", "q"], meta: { a: 1 }, docs: [one, two] };
    await ask(to, { method: "POST", multipart, headers: { "content-type": "multipart/form-data" } }, { files });
    const { headers, body } = to.requests[0]!;
    expect(Number(headers["content-length"])).toBe(body.length);
    expect(partsOf(body, headers["content-type"]!)).toEqual([
      { head: 'content-disposition: form-data; name="title"', content: "Hello\r\n--x" },
      { head: 'content-disposition: form-data; name="n"', content: "3" },
      { head: 'content-disposition: form-data; name="tags"', content: "p" },
      { head: 'content-disposition: form-data; name="tags"', content: "q" },
      { head: 'content-disposition: form-data; name="meta"', content: '{"a":1}' },
      {
        head: 'content-disposition: form-data; name="docs"; filename="a.txt"\r\ncontent-type: text/plain',
        content: "first",
      },
      {
        head: 'content-disposition: form-data; name="docs"; filename="b.bin"\r\ncontent-type: x/y',
        content: "\u0000\u00FF",
      },
    ]);
  });

  test("no name ends its quotes or begins another header", async () => {
    const files = await testFiles();
    const to = await service(ok);
    const file = await kept(files, "x", 'a"; filename="b');
    await ask(to, { method: "POST", multipart: { 'f"\r\nx-evil: 1\r\n\r\n': file } }, { files });
    const { headers, body } = to.requests[0]!;
    const [part] = partsOf(body, headers["content-type"]!);
    expect(part!.head).toBe(
      'content-disposition: form-data; name="f%22%0D%0Ax-evil: 1%0D%0A%0D%0A"; filename="a%22; filename=%22b"\r\ncontent-type: text/plain',
    );
  });

  test("a form is urlencoded", async () => {
    const to = await service(ok);
    await ask(to, { method: "POST", form: { q: "a b&c", n: [1, 2], none: null } });
    expect(to.requests[0]!.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    expect(to.requests[0]!.body.toString()).toBe("q=a+b%26c&n=1&n=2");
  });

  test.each<[string, JsonObject, string]>([
    [
      "a file that is not there",
      { file: { type: "file", id: "file-01890000-0000-7000-8000-000000000000" } },
      "FILE_NOT_FOUND",
    ],
    ["a path in the place of a file", { file: "/etc/passwd" }, "STEP_FAILED"],
    ["a map that names a path", { file: { type: "file", id: "../../etc/passwd", path: "/etc/passwd" } }, "STEP_FAILED"],
    ["two bodies", { body: "a", form: { b: 1 } }, "STEP_FAILED"],
  ])("%s is refused before anything is sent", async (_what, config, code) => {
    const to = await service(ok);
    const outcome = await ask(to, { method: "POST", ...config }, { files: await testFiles() });
    expect(outcome).toMatchObject({ type: "failed", failure: { code } });
    expect(to.requests).toEqual([]);
  });

  test("the file of another tenant cannot be sent, whatever the value says of it", async () => {
    const files = await testFiles();
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("theirs");
    }
    const { value } = await files.put("other", { name: "x" }, source());
    const to = await service(ok);
    expect(await ask(to, { method: "POST", file: { ...value } }, { files })).toMatchObject({
      failure: { code: "FILE_NOT_FOUND" },
    });
    expect(to.requests).toEqual([]);
  });

  test("a redirect that keeps the method sends the file again, whole", async () => {
    const files = await testFiles();
    const bytes = randomBytes(200_000);
    const to = await service((request, response) => {
      if (request.url === "/") response.writeHead(307, { location: "/next" }).end();
      else response.end("ok");
    });
    await ask(to, { method: "POST", file: await kept(files, bytes) }, { files });
    expect(to.requests.map(({ body }) => Buffer.compare(body, bytes))).toEqual([0, 0]);
  });
});

test("an answer that begins before the body has ended does not cut it off", async () => {
  const files = await testFiles();
  const bytes = randomBytes(5_000_000);
  const to = await rawService((request, response) => {
    response.setHeader("content-type", "application/octet-stream");
    response.flushHeaders();
    request.pipe(response);
  });
  const echoed = fileOf(await ask(to, { method: "POST", file: await kept(files, bytes), response: "file" }, { files }));
  expect(echoed).toMatchObject({ size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") });
});

test("where there is no file store, an answer cannot be asked for as a file", async () => {
  const to = await service(ok);
  expect(await ask(to, { response: "file" })).toMatchObject({ failure: { code: "STEP_FAILED", retryable: false } });
  expect(to.requests).toEqual([]);
});

describe("answers that become files", () => {
  test.each<[string, Record<string, string>, Buffer | string, JsonObject, string, string]>([
    ["a binary type", { "content-type": "image/png" }, "\u0089PNG", {}, "photo.png", "image/png"],
    [
      "an attachment",
      { "content-type": "text/csv", "content-disposition": 'attachment; filename="../r.csv"' },
      "a,b",
      {},
      "r.csv",
      "text/csv",
    ],
    [
      "an encoded name",
      { "content-disposition": "inline; filename=x; filename*=UTF-8''%E2%82%AC%2Fx.pdf" },
      "a",
      {},
      "x.pdf",
      "application/octet-stream",
    ],
    ["bytes of no type that are no text", {}, Buffer.from([1, 0, 255]), {}, "photo.png", "application/octet-stream"],
    [
      "text when a file is asked for",
      { "content-type": "text/plain" },
      "hello",
      { response: "file" },
      "photo.png",
      "text/plain",
    ],
    [
      "nothing when a file is asked for",
      { "content-type": "text/plain" },
      "",
      { response: "file" },
      "photo.png",
      "text/plain",
    ],
  ])("%s", async (_what, headers, content, config, name, type) => {
    const files = await testFiles();
    const to = await service((_request, response) => void response.writeHead(200, headers).end(content));
    const file = fileOf(await ask(to, { url: `${to.url}/a/photo.png?x=1`, ...config }, { files }));
    expect(file).toMatchObject({ type: "file", name, mime_type: type, size: Buffer.byteLength(content) });
    const opened = await files.open("default", file.id);
    expect(Buffer.compare(await buffer(opened.bytes), Buffer.from(content))).toBe(0);
  });

  test.each([
    ["application/json", '{"a":1}', { a: 1 }],
    ["application/xml", "<a/>", "<a/>"],
    ["application/x-unknown", "plain text €", "plain text €"],
    ["text/html", "<p>", "<p>"],
  ])("%s with text in it stays a value", async (type, content, body) => {
    const to = await service((_request, response) => void response.setHeader("content-type", type).end(content));
    expect(bodyOf(await ask(to, {}, { files: await testFiles() }))).toEqual(body);
  });

  test("HEAD and 204 have no file", async () => {
    const files = await testFiles();
    const to = await service((request, response) => {
      response.writeHead(request.method === "HEAD" ? 200 : 204, { "content-type": "image/png" }).end();
    });
    expect(bodyOf(await ask(to, { method: "HEAD", response: "file" }, { files }))).toBeNull();
    expect(bodyOf(await ask(to, {}, { files }))).toBe("");
    expect(await files.count()).toEqual({ rows: 0, blobs: 0 });
  });

  test("a text that is too long to be held is a file; where JSON was asked for, it is too large", async () => {
    const files = await testFiles();
    const text = JSON.stringify("x".repeat(200_000));
    const to = await service(
      (_request, response) => void response.setHeader("content-type", "application/json").end(text),
    );
    const file = fileOf(await ask(to, {}, { files, responseBytesMax: 100_000 }));
    expect(file.size).toBe(text.length);
    expect(file.sha256).toBe(createHash("sha256").update(text).digest("hex"));
    const outcome = await ask(to, { response: "json" }, { files, responseBytesMax: 100_000 });
    expect(outcome).toMatchObject({ failure: { code: "RESULT_TOO_LARGE" } });
  });

  test("what comes compressed is kept unpacked", async () => {
    const files = await testFiles();
    const to = await service((_request, response) => {
      response
        .setHeader("content-encoding", "gzip")
        .setHeader("content-type", "application/pdf")
        .end(gzipSync("pages"));
    });
    const file = fileOf(await ask(to, {}, { files }));
    expect((await buffer((await files.open("default", file.id)).bytes)).toString()).toBe("pages");
  });
});

describe("a large answer on its way to the store", () => {
  test("never runs ahead of the store: 50 MB go through with a few hundred KB between", async () => {
    const total = 50 * 1024 * 1024;
    const chunk = Buffer.alloc(64 * 1024, "x");
    let sent = 0;
    const to = await rawService((_request, response) => {
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": total });
      const more = (): void => {
        while (sent < total) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    });
    let [stored, largestChunk, ahead] = [0, 0, 0];
    const files = await testFiles();
    const slow: Files = {
      ...files,
      async put(_tenant, file, source) {
        for await (const bytes of source) {
          stored += bytes.length;
          largestChunk = Math.max(largestChunk, bytes.length);
          // The store takes its time: whatever were to run ahead would do it now.
          await new Promise((resolve) => setImmediate(resolve));
          ahead = Math.max(ahead, sent - stored);
        }
        return files.put("default", { name: file.name }, (async function* () {})());
      },
    };
    expect((await ask(to, { response: "file" }, { files: slow })).type).toBe("completed");
    expect([stored, sent]).toEqual([total, total]);
    expect(largestChunk).toBeLessThanOrEqual(1024 * 1024);
    // What the two sockets' buffers in the kernel hold is ahead as well; loopback gives them some megabytes.
    expect(ahead).toBeLessThan(16 * 1024 * 1024);
  });

  test("stops the sender when the store stops: nothing is gathered in memory", async () => {
    const gate = Promise.withResolvers<void>();
    let sent = 0;
    const to = await rawService((_request, response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      const chunk = Buffer.alloc(256 * 1024);
      const more = (): void => {
        while (sent < 200 * 1024 * 1024) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    });
    const files = await testFiles();
    const stopped: Files = {
      ...files,
      async put(_tenant, _file, source) {
        for await (const _ of source) await gate.promise;
        throw new Error("the store gave up");
      },
    };
    const outcome = ask(to, { response: "file" }, { files: stopped });
    // Until the sender stands still: what it could send by then lies in the buffers of the sockets.
    let last = 0;
    const standsStill = (): boolean => {
      const isStill = sent === last && sent > 0;
      last = sent;
      return isStill;
    };
    await expect.poll(standsStill, { interval: 100, timeout: 20_000 }).toBe(true);
    expect(sent).toBeLessThan(50 * 1024 * 1024);
    to.server.closeAllConnections();
    gate.resolve();
    expect(await outcome).toMatchObject({ type: "failed", failure: { code: "REQUEST_FAILED" } });
  });

  test.each<[string, (response: ServerResponse) => void]>([
    ["the peer dies", (response) => response.destroy()],
    ["less comes than was announced", (response) => response.socket!.end()],
  ])("when %s midway, the request has failed, may be tried again, and nothing is kept", async (_what, end) => {
    const files = await testFiles();
    const to = await rawService((_request, response) => {
      response.writeHead(200, { "content-type": "application/pdf", "content-length": 5_000_000 });
      response.write(randomBytes(1_000_000), () => end(response));
    });
    const outcome = await ask(to, {}, { files });
    expect(outcome).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: true, details: { kind: "cut" } } });
    expect(await files.count()).toEqual({ rows: 0, blobs: 0 });
  });

  test("chunks that do not end are no body", async () => {
    const files = await testFiles();
    const to = await rawService((_request, response) => {
      response.writeHead(200, { "content-type": "application/pdf" });
      response.write("half", () => response.destroy());
    });
    expect(await ask(to, {}, { files })).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: true } });
    expect(await files.count()).toEqual({ rows: 0, blobs: 0 });
  });

  test("a body over the limit of files is refused, announced or not, and nothing is kept", async () => {
    const files = await testFiles();
    for (const announced of [true, false]) {
      const to = await rawService((_request, response) => {
        response.writeHead(200, {
          "content-type": "application/pdf",
          ...(announced ? { "content-length": 300_000 } : {}),
        });
        response.end(Buffer.alloc(300_000));
      });
      const outcome = await ask(to, {}, { files, fileBytesMax: 200_000 });
      expect(outcome).toMatchObject({ failure: { code: "RESULT_TOO_LARGE", details: { limit: 200_000 } } });
    }
    expect(await files.count()).toEqual({ rows: 0, blobs: 0 });
  });

  test("a body that unpacks to more than a hundred times its size is refused long before its end", async () => {
    const files = await testFiles();
    const bomb = gzipSync(Buffer.alloc(90_000_000));
    const to = await service((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-type": "application/pdf" }).end(bomb);
    });
    const outcome = await ask(to, {}, { files });
    expect(outcome).toMatchObject({ failure: { code: "RESULT_TOO_LARGE", retryable: false } });
    expect(Number(outcome.type === "failed" && outcome.failure.details?.["size"])).toBeLessThan(12_000_000);
    expect(await files.count()).toEqual({ rows: 0, blobs: 0 });
  });

  test("compressed bytes that unpack to nothing end at the limit too", async () => {
    const files = await testFiles();
    // Many members of nothing, one behind the other: a valid gzip stream without an end in sight.
    const nothing = gzipSync("");
    const many = Buffer.concat(Array.from({ length: 4000 }, () => nothing));
    const to = await rawService((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-type": "application/pdf" });
      const more = (): void => {
        while (!response.destroyed && response.write(many));
        response.once("drain", more);
      };
      more();
    });
    const outcome = await ask(to, {}, { files, fileBytesMax: 500_000 });
    expect(outcome).toMatchObject({ failure: { code: "RESULT_TOO_LARGE", details: { limit: 500_000 } } });
  });

  test("a task that is given up leaves nothing", async () => {
    const files = await testFiles();
    const controller = new AbortController();
    const to = await rawService((_request, response) => {
      response.writeHead(200, { "content-type": "application/pdf" });
      response.write(randomBytes(100_000), () => controller.abort());
    });
    expect((await ask(to, {}, { files }, controller.signal)).type).toBe("failed");
    expect(await files.count()).toEqual({ rows: 0, blobs: 0 });
  });

  test("a type that the store does not take fails the step with the types it takes", async () => {
    const files = await testFiles({ types: ["image/*"] });
    const to = await service(
      (_request, response) => void response.setHeader("content-type", "application/pdf").end("x"),
    );
    expect(await ask(to, {}, { files })).toMatchObject({ failure: { code: "FILE_TYPE_REFUSED" } });
  });
});
