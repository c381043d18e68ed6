import { Readable } from "node:stream";
import { Agent, request } from "undici";

/** A server that accepts no connection, or says nothing for this long, counts as gone. */
const CONNECT_MS = 5000;
const SILENT_MS = 30_000;
const CONNECTIONS = 32;

export interface S3Requests {
  readonly fetch: typeof fetch;
  close(): Promise<void>;
}

/** `fetch` for the client of the object store, over connections of its own that are kept open. Follows no redirect. */
export function s3Requests(): S3Requests {
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_MS },
    headersTimeout: SILENT_MS,
    bodyTimeout: SILENT_MS,
    keepAliveTimeout: 20_000,
    connections: CONNECTIONS,
  });
  return {
    fetch: async (input, init) => {
      const { statusCode, headers, body } = await request(input instanceof Request ? input.url : input, {
        dispatcher,
        method: (init?.method ?? "GET") as "GET" | "HEAD" | "PUT" | "POST" | "DELETE",
        headers: Object.fromEntries(new Headers(init?.headers)),
        body: bodyOf(init?.body),
      });
      const known = new Headers();
      for (const [name, value] of Object.entries(headers)) if (value !== undefined) known.set(name, String(value));
      if (statusCode === 204 || statusCode === 304 || init?.method === "HEAD") {
        await body.dump();
        return new Response(null, { status: statusCode, headers: known });
      }
      return new Response(Readable.toWeb(body), { status: statusCode, headers: known });
    },
    close: () => dispatcher.close(),
  };
}

function bodyOf(body: RequestInit["body"]): string | Uint8Array | null {
  if (body === undefined || body === null || body === "") return null;
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  throw new Error("the body of a request to the object store is neither text nor bytes");
}
