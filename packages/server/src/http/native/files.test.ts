import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WeftClient, type FileResource, type WeftError } from "@weftwork/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWeft, type Weft } from "../../weft.ts";
import { createApp, type HttpApp } from "../app.ts";

let folder = "";
let weft: Weft;
let app: HttpApp;
let port = 0;
let client: WeftClient;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "uploads-"));
  weft = await openWeft({ store: folder, files: { bytesMax: 1_000_000 } });
  const log = (): void => undefined;
  const config = { host: "127.0.0.1", port: 0, bodyLimit: 100_000 };
  app = createApp({ weft, config, logger: { info: log, warn: log, error: log } });
  await app.listen();
  port = (app.fastify.server.address() as AddressInfo).port;
  client = new WeftClient({ baseUrl: `http://127.0.0.1:${port}` });
});
afterAll(async () => {
  await app.close();
  await weft.close({ graceMs: 0 });
  await rm(folder, { recursive: true });
});

/** Everything that lies on the disk for files, what is just being written included. */
async function fileCount(): Promise<number> {
  const entries = await readdir(join(folder, "blobs"), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).length;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: Buffer | string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: "127.0.0.1", method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
      response.on("error", reject);
    });
    asked.on("error", reject).end(body);
  });
}

const BOUNDARY = "xxx";
const TYPE = { "content-type": `multipart/form-data; boundary=${BOUNDARY}` };
const part = (disposition: string, content: string, more = ""): string =>
  `--${BOUNDARY}\r\ncontent-disposition: form-data; ${disposition}\r\n${more}\r\n${content}\r\n`;
const END = `--${BOUNDARY}--\r\n`;

const post = (body: string, headers: Record<string, string> = TYPE): Promise<Answer> =>
  ask("POST", "/api/files", headers, body);
const code = ({ text }: Answer): string => (JSON.parse(text) as { code: string }).code;
const read = async (id: string): Promise<string> => new Response(await client.download(id)).text();

describe("an upload", () => {
  test("by the client is kept with its name, type, size and hash, and read back", async () => {
    const bytes = randomBytes(300_000);
    const file = await client.upload(new Blob([bytes], { type: "image/png" }), { name: "picture é.png" });
    expect(file).toEqual({
      type: "file",
      id: expect.stringMatching(/^file-/) as string,
      name: "picture é.png",
      mime_type: "image/png",
      size: 300_000,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      created_at: expect.any(String) as string,
      expires_at: null,
      links: { self: `/api/files/${file.id}`, content: `/api/files/${file.id}/content` },
    });
    expect(await client.file(file.id)).toEqual(file);
    const back = Buffer.from(await new Response(await client.download(file.id)).arrayBuffer());
    expect(Buffer.compare(back, bytes)).toBe(0);
  });

  test("takes several files in their order, and an empty one", async () => {
    const answer = await post(
      part('name="a"; filename="1.txt"', "one", "content-type: text/plain\r\n") +
        part('name="b"; filename="2"', "") +
        END,
    );
    expect(answer.status).toBe(201);
    const { data } = JSON.parse(answer.text) as { data: FileResource[] };
    expect(data.map(({ name, mime_type, size }) => [name, mime_type, size])).toEqual([
      ["1.txt", "text/plain", 3],
      ["2", "text/plain", 0],
    ]);
    expect(await read(data[0]!.id)).toBe("one");
  });

  test("can say how long its file is kept", async () => {
    const file = await client.upload("short", { expiresIn: "2h" });
    expect(Date.parse(file.expires_at!) - Date.parse(file.created_at)).toBe(7_200_000);
    await expect(client.upload("x", { expiresIn: "soon" })).rejects.toMatchObject({ code: "invalid_request" });
  });

  test.each([
    ["../../etc/passwd", "passwd"],
    [String.raw`C:\\x\\evil.exe`, "evil.exe"],
    ["..", "f"],
    ["a\u202Egpj.exe", "agpj.exe"],
    ["a\u0000b.txt", "ab.txt"],
    [`${"x".repeat(5000)}.txt`, `${"x".repeat(251)}.txt`],
  ])("named %j is called %j, and no path is made of it", async (given, name) => {
    const answer = await post(part(`name="f"; filename="${given}"`, "x") + END);
    expect([answer.status, (JSON.parse(answer.text) as { data: FileResource[] }).data[0]?.name]).toEqual([201, name]);
  });
});

describe("what is no upload is refused", () => {
  test.each<[string, Record<string, string>, string, number, string]>([
    [
      "JSON that looks like a file",
      { "content-type": "application/json" },
      '{"type":"file","path":"/etc/passwd"}',
      415,
      "unsupported_media_type",
    ],
    ["YAML", { "content-type": "application/yaml" }, "a: 1", 415, "unsupported_media_type"],
    [
      "a form",
      { "content-type": "application/x-www-form-urlencoded" },
      "file=/etc/passwd",
      415,
      "unsupported_media_type",
    ],
    ["no content type", {}, "x", 415, "unsupported_media_type"],
    ["no body", {}, "", 415, "unsupported_media_type"],
    ["multipart without a boundary", { "content-type": "multipart/form-data" }, "x", 400, "invalid_request"],
    ["multipart without a file", TYPE, END, 400, "invalid_request"],
    ["a field that names a path", TYPE, part('name="path"', "/etc/passwd") + END, 400, "invalid_request"],
    [
      "a file and a field",
      TYPE,
      part('name="f"; filename="x"', "1") + part('name="path"', "/etc") + END,
      400,
      "invalid_request",
    ],
    ["multipart that does not end", TYPE, part('name="f"; filename="x"', "1"), 400, "invalid_request"],
    ["other things than its boundary says", TYPE, "nothing of the kind", 400, "invalid_request"],
    ["too many files", TYPE, part('name="f"; filename="x"', "1").repeat(21) + END, 400, "invalid_request"],
  ])("%s", async (_what, headers, body, status, problem) => {
    const before = await fileCount();
    const answer = await post(body, headers);
    expect([answer.status, code(answer)]).toEqual([status, problem]);
    expect(await fileCount()).toBe(before);
  });

  test("multipart at any other route", async () => {
    const answer = await ask("POST", "/api/runs", TYPE, part('name="workflow"', "hello") + END);
    expect([answer.status, code(answer)]).toEqual([415, "unsupported_media_type"]);
  });

  test.each(["cross-site", "same-site"])("what a browser sends for a page that is %s", async (site) => {
    const answer = await post(part('name="f"; filename="x"', "1") + END, { ...TYPE, "sec-fetch-site": site });
    expect([answer.status, code(answer)]).toEqual([403, "forbidden_origin"]);
  });
});

test("an upload that is cut off midway leaves nothing behind, of none of its files", async () => {
  const before = await fileCount();
  const socket = connect(port, "127.0.0.1");
  const body = part('name="a"; filename="first"', "whole") + part('name="b"; filename="second"', "x".repeat(200_000));
  socket.write(
    `POST /api/files HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: ${TYPE["content-type"]}\r\ncontent-length: 9999999\r\n\r\n${body}`,
  );
  // The first file is stored, and the second has begun.
  await expect.poll(() => fileCount()).toBe(before + 2);
  socket.destroy();
  await expect.poll(() => fileCount()).toBe(before);
});

test("a file over the limit is refused with its limit, and leaves nothing behind", async () => {
  const before = await fileCount();
  const answer = await post(part('name="f"; filename="x"', "x".repeat(1_100_000)) + END);
  expect([answer.status, code(answer)]).toEqual([413, "payload_too_large"]);
  expect(answer.text).toContain("WEFT_FILE_BYTES_MAX");
  expect(await fileCount()).toBe(before);
});

describe("the content of a file", () => {
  test("is to be saved and never shown, whatever it claims to be", async () => {
    const file = await client.upload(new Blob(["<script>alert(1)</script>"], { type: "text/html" }), {
      name: "a'b\u00E9;.html",
    });
    const { headers, text, status } = await ask("GET", file.links.content);
    expect([status, text]).toEqual([200, "<script>alert(1)</script>"]);
    expect(headers).toMatchObject({
      "content-type": "text/html",
      "content-length": "25",
      "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox; default-src 'none'",
      "content-disposition": `attachment; filename="a'b_;.html"; filename*=UTF-8''a%27b%C3%A9%3B.html`,
    });
  });

  test("is opened by a link for five minutes, and the link opens nothing else", async () => {
    const [one, other] = await Promise.all([client.upload("one"), client.upload("other")]);
    const link = await client.fileLink(one.id);
    const left = Date.parse(link.expires_at) - Date.now();
    expect(left).toBeGreaterThan(290_000);
    expect(left).toBeLessThanOrEqual(300_000);
    const path = link.url.slice(link.url.indexOf("/api"));
    expect(await ask("GET", path)).toMatchObject({ status: 200, text: "one" });
    for (const bad of [
      path.replace(one.id, other.id),
      path.replace(/signature=./, "signature=!"),
      path.replace(/expires=\d+/, "expires=99999999999"),
      path.replace(/expires=\d+/, "expires=x"),
      path.replace(/&signature=.*/, ""),
      path.replace(/expires=\d+&/, ""),
    ]) {
      const answer = await ask("GET", bad);
      expect([bad, answer.status, code(answer)]).toEqual([bad, 403, "file_link_invalid"]);
    }
  });

  test("is not found by its hash, by a path, or once it is removed", async () => {
    const file = await client.upload("gone soon");
    for (const id of [file.sha256, "..%2f..%2fetc%2fpasswd", `${file.id}x`]) {
      for (const path of [`/api/files/${id}`, `/api/files/${id}/content`, `/api/files/${id}/link`]) {
        const answer = await ask("GET", path);
        expect([path, answer.status, code(answer)]).toEqual([path, 404, "file_not_found"]);
      }
    }
    await client.removeFile(file.id);
    const again: unknown = await client.removeFile(file.id).catch((error: unknown) => error);
    expect((again as WeftError).code).toBe("file_not_found");
    await expect(client.download(file.id)).rejects.toMatchObject({ status: 404 });
  });
});
