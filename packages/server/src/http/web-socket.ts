import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { AppError } from "@weftwork/core";
import type { RunMessage } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import { WebSocket, WebSocketServer } from "ws";
import type { Connections } from "./connections.ts";
import { encodedOnce } from "./encoded-once.ts";
import { checkCaller } from "./loopback.ts";
import { openStream, type OpenStream } from "./open-stream.ts";
import { errorOf, problemBody, PROBLEM_TYPE } from "./problem.ts";
import type { Surface } from "./surface.ts";

/** The stream is read only: a client has nothing to say but pings and its leave. */
const CLIENT_BYTES_MAX = 1024;
const CLIENT_MESSAGES_MAX = 100;
/** Bytes that may wait for a connection; a reader that is slower keeps its place and not its buffer (O15). */
const BUFFER_BYTES_MAX = 64 * 1024;
const LET_GO_MS = 3000;

const END = 1000;
const GOING_AWAY = 1001;
const POLICY = 1008;
const FAILED = 1011;
/** Errors of the surface are closes with 4000 and their HTTP status: 4404 is a run that is not there. */
const ERROR = 4000;

/** Only handshakes of WebSocket are upgrades here; any other (`h2c`) is an ordinary request. */
export function asksForWebSocket(request: Pick<IncomingMessage, "headers">): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket";
}

/**
 * The stream of a run as text frames `{id, event, data}` at `/api/runs/ID/stream` and `/api/tasks/ID/stream`, behind
 * `?after=` if it is given. Closes with 1000 when the run has ended.
 *
 * A web page may open a WebSocket to any server, and no rule of the browser keeps it from reading: so `Origin` and `Host`
 * are checked before the handshake, as for every request. What is wrong with the run or the position is told by a
 * close, for a browser shows nothing of a refused handshake.
 */
export function webSockets(app: FastifyInstance, surface: Surface, connections: Connections): { close(): void } {
  const server = new WebSocketServer({ noServer: true, maxPayload: CLIENT_BYTES_MAX, perMessageDeflate: false });
  app.server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    try {
      checkCaller(request.headers);
      surface.refuseWhileDraining();
      const { runId, after } = targetOf(request);
      socket.once("close", connections.carriesStream(request.socket));
      server.handleUpgrade(request, socket, head, (client) => void serve(surface, client, runId, after));
    } catch (error) {
      refuse(socket, errorOf(error, { contentType: undefined, contentLength: undefined, bodyLimit: 0 }));
    }
  });
  return { close: () => server.close() };
}

function targetOf({ url = "", method = "GET" }: IncomingMessage): { runId: string; after: string | undefined } {
  // `//[` and its like are paths to the parser of requests, and no addresses.
  const target = URL.parse(url, "http://localhost");
  if (target === null) throw new AppError("INVALID_REQUEST", { reason: "its target is not an address" });
  const { pathname, searchParams } = target;
  const [, id] = /^\/api\/(?:runs|tasks)\/([^/]{1,500})\/stream$/.exec(pathname) ?? [];
  if (id === undefined) throw new AppError("ROUTE_NOT_FOUND", { method, path: pathname.slice(0, 200) });
  try {
    return { runId: decodeURIComponent(id), after: searchParams.get("after") || undefined };
  } catch {
    throw new AppError("INVALID_REQUEST", { reason: "the id of the run is not written as in an address" });
  }
}

function refuse(socket: Duplex, error: AppError): void {
  const body = JSON.stringify(problemBody(error, "none", { status: error.status }));
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? "Error"}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

async function serve(surface: Surface, client: WebSocket, runId: string, after: string | undefined): Promise<void> {
  let stream: OpenStream | null = null;
  client.on("close", () => stream?.stop());
  // Broken frames and too large ones: the library closes by itself, with the code that says so.
  client.on("error", () => undefined);
  limitClient(client);
  const forget = surface.onDrain(() => letGo(client, GOING_AWAY, "the server is shutting down"));
  const heartbeat = keepAlive(client, surface.heartbeatMs);
  try {
    stream = openStream(surface, runId, after);
    for await (const batch of stream.batches) for (const message of batch) await send(client, message);
    if (!stream.signal.aborted) letGo(client, END, "the run has ended");
  } catch (error) {
    const told = errorOf(error, { contentType: undefined, contentLength: undefined, bodyLimit: 0 });
    if (told.status >= 500 && told.status !== 503) letGo(client, FAILED, told.code.toLowerCase());
    else letGo(client, ERROR + told.status, told.code.toLowerCase());
  } finally {
    clearInterval(heartbeat);
    forget();
    stream?.stop();
  }
}

/** Resolves when the connection has room for more. */
async function send(client: WebSocket, message: RunMessage): Promise<void> {
  if (client.readyState !== WebSocket.OPEN) return;
  if (client.bufferedAmount < BUFFER_BYTES_MAX) return client.send(encoded(message), { binary: false });
  // Written when all before it is; an error means that the connection has ended, which is seen by its close.
  await new Promise<void>((resolve) => client.send(encoded(message), { binary: false }, () => resolve()));
}

const encoded = encodedOnce(({ id, event, data }) => JSON.stringify({ id, event, data }));

function limitClient(client: WebSocket): void {
  let count = 0;
  client.on("message", () => {
    count += 1;
    if (count > CLIENT_MESSAGES_MAX) letGo(client, POLICY, "this stream is read only");
  });
}

/** A ping at each beat; a connection that did not answer the one before is dead. */
function keepAlive(client: WebSocket, everyMs: number): NodeJS.Timeout {
  let alive = true;
  client.on("pong", () => (alive = true));
  return setInterval(() => {
    // What waits to be sent stands before the ping: a slow reader is not a dead one.
    if (client.bufferedAmount > 0) return;
    if (!alive) return client.terminate();
    alive = false;
    client.ping();
  }, everyMs);
}

/** Closes in order; a client that does not answer with its own close is cut off. */
function letGo(client: WebSocket, code: number, reason: string): void {
  if (client.readyState !== WebSocket.OPEN) return;
  client.close(code, reason);
  const timer = setTimeout(() => client.terminate(), LET_GO_MS);
  client.once("close", () => clearTimeout(timer));
}
