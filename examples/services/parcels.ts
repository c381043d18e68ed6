/**
 * The service that `call-a-service.yaml` calls: `npx node examples/services/parcels.ts [PORT]`. It has no dependencies,
 * listens on loopback only, and behaves as services do: WK1042 needs three requests, WK5000 always fails.
 */
import { createServer, type Server } from "node:http";

interface Parcel {
  readonly state: "moving" | "delivered";
  readonly place: string;
  /** Requests that are refused before the first answer. */
  readonly refusals: number;
}

const PARCELS: Readonly<Record<string, Parcel>> = {
  WK1042: { state: "moving", place: "Suzhou", refusals: 2 },
  WK2001: { state: "delivered", place: "Hangzhou", refusals: 0 },
  WK5000: { state: "moving", place: "nobody knows", refusals: Infinity },
};

/** The service, not yet listening. */
export function parcelService(log: (line: string) => void): Server {
  const asked = new Map<string, number>();
  return createServer((request, response) => {
    const answer = (status: number, value: object, headers: Record<string, string> = {}): void => {
      log(`${request.method} ${request.url} ${status}`);
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
    };
    const id = /^\/parcels\/([A-Z]{2}\d{4})$/.exec(request.url ?? "")?.[1];
    if (request.method !== "GET" || id === undefined) return answer(404, { error: "there is nothing here" });
    if (!Object.hasOwn(PARCELS, id)) return answer(404, { error: `there is no parcel ${id}` });
    const { state, place, refusals } = PARCELS[id]!;
    const count = (asked.get(id) ?? 0) + 1;
    asked.set(id, count);
    if (count <= refusals) return answer(503, { error: "busy, come again" }, { "retry-after": "1" });
    answer(200, { id, state, place });
  });
}

if (import.meta.main) {
  const port = Number(process.argv[2] ?? 9400);
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  parcelService(write).listen(port, "127.0.0.1", () => write(`The parcel service listens on http://127.0.0.1:${port}`));
}
