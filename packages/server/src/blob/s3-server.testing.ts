import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { refusalOf, type S3Keys } from "./s3-signature.testing.ts";

/** What the server does wrong, until it is told otherwise. */
export interface S3Faults {
  /** Milliseconds before each answer. */
  delayMs?: number;
  /** Answers every request with this status. */
  status?: number;
  /** Objects are not found, though they are there. */
  hides?: boolean;
  /** Objects are given back with one byte changed. */
  changes?: boolean;
  /** The connection breaks in the middle of an object. */
  cuts?: boolean;
}

export interface S3Server {
  /** Address of the bucket. */
  readonly url: string;
  readonly keys: S3Keys;
  readonly objects: Map<string, Buffer>;
  /** Uploads in parts that were begun and neither ended nor given up. */
  readonly uploads: ReadonlyMap<string, unknown>;
  /** Requests answered, by method, and the most bytes that one brought. */
  readonly seen: { readonly requests: string[]; largestBody: number };
  faults: S3Faults;
  close(): Promise<void>;
}

const BUCKET = "weft";
const PART_BYTES_MIN = 5 * 1024 * 1024;

/** A small object store on loopback, with one bucket in memory. It checks the signature of every request (version 4). */
export async function s3Server(): Promise<S3Server> {
  const keys = { accessKeyId: `test-${randomUUID()}`, secretAccessKey: randomUUID(), region: "eu-test-1" };
  const uploads = new Map<string, Map<number, Buffer>>();
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const own = {
    url: `http://127.0.0.1:${port}/${BUCKET}`,
    keys,
    objects: new Map<string, Buffer>(),
    uploads,
    seen: { requests: [] as string[], largestBody: 0 },
    faults: {} as S3Faults,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    own.seen.requests.push(`${request.method} ${request.url}`);
    own.seen.largestBody = Math.max(own.seen.largestBody, body.length);
    const { delayMs, status } = own.faults;
    if (delayMs) await sleep(delayMs);
    if (status) return refuse(response, status, status === 503 ? "SlowDown" : "InternalError");
    const refusal = refusalOf(request, body, keys);
    if (refusal !== null) return refuse(response, 403, refusal);
    const { pathname, searchParams } = new URL(request.url!, own.url);
    const [, bucket, ...path] = pathname.split("/");
    if (bucket !== BUCKET) return refuse(response, 404, "NoSuchBucket");
    const key = decodeURIComponent(path.join("/"));
    if (key === "") return list(response, searchParams);
    const upload = searchParams.get("uploadId");
    switch (request.method) {
      case "PUT":
        return upload === null ? store(response, key, body) : part(response, upload, searchParams, body);
      case "POST":
        return upload === null ? begin(response, key) : complete(response, key, upload, body.toString());
      case "DELETE":
        if (upload === null) own.objects.delete(key);
        else if (!uploads.delete(upload)) return refuse(response, 404, "NoSuchUpload");
        return void response.writeHead(204).end();
      default:
        return give(request, response, key);
    }
  }

  function store(response: ServerResponse, key: string, body: Buffer): void {
    own.objects.set(key, body);
    response.writeHead(200, { etag: tagOf(body) }).end();
  }

  function begin(response: ServerResponse, key: string): void {
    const id = randomUUID();
    uploads.set(id, new Map());
    xml(
      response,
      `<InitiateMultipartUploadResult><Bucket>${BUCKET}</Bucket><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  function part(response: ServerResponse, upload: string, query: URLSearchParams, body: Buffer): void {
    const parts = uploads.get(upload);
    if (!parts) return refuse(response, 404, "NoSuchUpload");
    parts.set(Number(query.get("partNumber")), body);
    response.writeHead(200, { etag: tagOf(body) }).end();
  }

  function complete(response: ServerResponse, key: string, upload: string, body: string): void {
    const parts = uploads.get(upload);
    if (!parts) return refuse(response, 404, "NoSuchUpload");
    const named = [...body.matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]*)<\/ETag>/g)];
    const bytes = named.map(([, number]) => parts.get(Number(number)));
    const asNamed = named.every(([, , tag], at) => {
      const found = bytes[at];
      return found !== undefined && tagOf(found).includes(tag!.replaceAll("&quot;", "").replaceAll('"', ""));
    });
    if (!asNamed || bytes.length === 0) return refuse(response, 400, "InvalidPart");
    if (bytes.slice(0, -1).some((one) => one!.length < PART_BYTES_MIN)) return refuse(response, 400, "EntityTooSmall");
    uploads.delete(upload);
    const whole = Buffer.concat(bytes as Buffer[]);
    own.objects.set(key, whole);
    xml(
      response,
      `<CompleteMultipartUploadResult><Key>${key}</Key><ETag>${tagOf(whole)}</ETag></CompleteMultipartUploadResult>`,
    );
  }

  function give(request: IncomingMessage, response: ServerResponse, key: string): void {
    const found = own.faults.hides ? undefined : own.objects.get(key);
    if (!found) return refuse(response, 404, "NoSuchKey");
    let bytes = found;
    if (own.faults.changes && bytes.length > 0) {
      bytes = Buffer.from(bytes);
      bytes[bytes.length >> 1]! ^= 1;
    }
    response.writeHead(200, {
      "content-length": bytes.length,
      etag: tagOf(bytes),
      "content-type": "application/octet-stream",
    });
    if (request.method === "HEAD") return void response.end();
    if (!own.faults.cuts) return void response.end(bytes);
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
  }

  function list(response: ServerResponse, query: URLSearchParams): void {
    const prefix = query.get("prefix") ?? "";
    const found = [...own.objects].filter(([key]) => key.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const contents = found.map(([key, { length }]) => `<Contents><Key>${key}</Key><Size>${length}</Size></Contents>`);
    xml(response, `<ListBucketResult><KeyCount>${found.length}</KeyCount>${contents.join("")}</ListBucketResult>`);
  }

  return own;
}

function tagOf(bytes: Buffer): string {
  return `"${createHash("md5").update(bytes).digest("hex")}"`;
}

function xml(response: ServerResponse, body: string): void {
  response.writeHead(200, { "content-type": "application/xml" }).end(`<?xml version="1.0" encoding="UTF-8"?>${body}`);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { "content-type": "application/xml" })
    .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
}
