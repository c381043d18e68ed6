import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import { memoryBlobs } from "../blob/memory.ts";
import { memoryDatabase } from "../db/database-sqlite.ts";
import type { FileLimits, Files } from "../files/files.ts";
import { fileStore } from "../files/store.ts";

export type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

/** A real server on loopback that notes what it was asked. */
export interface Service {
  readonly url: string;
  readonly target: string;
  readonly server: Server;
  readonly requests: { method: string; url: string; headers: IncomingMessage["headers"]; body: Buffer }[];
}

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server that reads each request to its end, notes it, and lets the handler answer. */
export function service(handler: Handler): Promise<Service> {
  const requests: Service["requests"] = [];
  return listen(requests, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      handler(request, response, body);
    });
  });
}

/** A server that does as the handler does, from the first byte on. */
export function rawService(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Service> {
  return listen([], handler);
}

async function listen(
  requests: Service["requests"],
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Service> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${target}`, target, server, requests };
}

/** A file store in memory that can be asked how many files and blobs it holds. */
export async function testFiles(
  limits: Partial<FileLimits> = {},
): Promise<Files & { count(): Promise<{ readonly rows: number; readonly blobs: number }> }> {
  const database = await memoryDatabase();
  const blobs = memoryBlobs();
  const keys = new Set<string>();
  const files = fileStore({
    database,
    blobs: {
      ...blobs,
      async write(key, source) {
        await blobs.write(key, source);
        keys.add(key);
      },
      async delete(key) {
        await blobs.delete(key);
        keys.delete(key);
      },
    },
    limits,
    now: () => Date.now(),
  });
  return {
    ...files,
    async count() {
      const rows = await database.call((db) => db.selectFrom("file").select("id").execute());
      return { rows: rows.length, blobs: keys.size };
    },
  };
}
