import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

/** A message as a receiver got it. */
export interface Got {
  readonly id: string;
  readonly type: string;
  readonly run: string;
  readonly body: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type Answer = (got: Got, response: ServerResponse) => void;

/** A receiver of webhooks on this machine. */
export interface Receiver {
  readonly port: number;
  readonly url: string;
  readonly got: Got[];
  answer: Answer;
  /** Resolves when so many messages have come. */
  count(messages: number): Promise<void>;
  /** Stops or begins to listen. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export const taken: Answer = (_, response) => void response.writeHead(204).end();

export async function startReceiver(): Promise<Receiver> {
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    void receive(request, response);
  });
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const got = await read(request);
    receiver.got.push(got);
    for (const wake of waiting) wake();
    receiver.answer(got, response);
  };
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => void server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    port,
    url: `http://127.0.0.1:${port}/hook`,
    got: [],
    answer: taken,
    async count(messages) {
      while (receiver.got.length < messages) {
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            waiting.delete(wake);
            resolve();
          };
          waiting.add(wake);
        });
      }
    },
    async down() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    up: () => listen(port),
  };
  return receiver;
}

/** Whether a library that knows nothing of this server believes the message. */
export function believed({ body, headers }: Got, secret: string): boolean {
  new Webhook(secret).verify(body, headers);
  return true;
}

async function read(request: IncomingMessage): Promise<Got> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString("utf8");
  const { type, data } = JSON.parse(body) as { readonly type: string; readonly data: { readonly id: string } };
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  return { id: headers["webhook-id"]!, type, run: data.id, body, path: request.url!, headers };
}
