import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTree } from "../architecture/repository.ts";
import { attacked, exchange, type Attacked } from "./server.ts";

let server: Attacked;
beforeAll(async () => {
  server = await attacked();
});
afterAll(() => server.close());

/** Words that tell a stranger where the program stands and how it is made. */
const INNER =
  /node_modules|packages\/|\.ts:\d+|\.js:\d+|\bat (?:async )?[\w.]+ \(|file:\/\/|sourceMappingURL|sqlite|select |password|postgres:/i;

describe("A56 what is open tells nothing of the inside:", () => {
  test("health is one word", async () => {
    expect((await server.ask("GET", "/livez")).text).toBe('{"status":"ok"}');
    expect((await server.ask("GET", "/readyz")).text).toBe('{"ready":true,"reasons":[]}');
  });

  test("a store that fails is told as not ready, without its words", async () => {
    const broken = await attacked();
    await broken.weft.close({ graceMs: 0 });
    const answer = await broken.ask("GET", "/readyz");
    expect(answer.status).toBe(503);
    expect(answer.text).not.toMatch(INNER);
    await broken.close();
  });

  test.each([
    ["GET", "/nowhere", ""],
    ["GET", "/api/runs/%zz", ""],
    ["GET", "/api/runs?limit=x&cursor=%00", ""],
    ["GET", "/api/runs?cursor=AAAA", ""],
    ["POST", "/api/runs", "{"],
    ["POST", "/api/runs", '{"workflow":{"a":1}}'],
    ["POST", "/api/runs", '{"workflow":"x","inputs":{"a":"\\ud800"}}'],
    ["PUT", "/api/workflows", "{"],
    ["PUT", "/api/workflows", "a: [b: c"],
    ["POST", "/api/runs/x/rerun", '{"from":"' + "x".repeat(100_000) + '"}'],
    ["DELETE", "/api/runs/x", ""],
    ["TRACE", "/livez", ""],
  ])("the answer to %s %s has no stack and no path of a file", async (method, path, body) => {
    const answer = await server.ask(method, path, { headers: { "content-type": "application/json" }, body });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.text).not.toMatch(INNER);
    expect(answer.text.length).toBeLessThan(5000);
    expect(JSON.stringify(answer.headers)).not.toMatch(/fastify|node|express/i);
  });

  test("a request that is none is answered without a word of the inside", async () => {
    expect(await exchange(server.port, "\0\0\0\0\r\n\r\n")).not.toMatch(INNER);
  });

  test("there is no way to debug over the wire, and no map of the sources", async () => {
    for (const path of [
      "/debug",
      "/debug/pprof",
      "/json/version",
      "/json/list",
      "/__inspect",
      "/env",
      "/actuator/env",
      "/server-status",
      "/console",
      "/graphql",
      "/.env",
      "/docs/index.js.map",
      "/docs.js.map",
    ])
      expect([path, (await server.ask("GET", path)).status]).toEqual([path, 404]);
    const code = [...readTree()].filter(([path]) => /^packages\/[^/]+\/src\//.test(path) && !path.endsWith(".test.ts"));
    expect(code.filter(([, text]) => /node:inspector|sourceMappingURL=/.test(text)).map(([path]) => path)).toEqual([]);
  });

  test("numbers, document and its page are for this machine only while there is no key", async () => {
    for (const path of ["/metrics", "/openapi.json", "/docs"]) {
      const answer = await server.ask("GET", path, { headers: { host: "weft.example" } });
      expect([path, answer.status]).toEqual([path, 403]);
    }
    expect((await server.ask("GET", "/metrics")).text).not.toMatch(INNER);
  });

  test("the numbers can have a port of their own, which gives nothing else", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as AddressInfo;
    free.close();
    await once(free, "close");
    const apart = await attacked({ metricsPort: port });
    const ask = (path: string, host = "localhost"): Promise<{ status: number; text: string }> =>
      new Promise((resolve, reject) => {
        request({ host: "127.0.0.1", port, path, headers: { host } }, async (answer) => {
          let text = "";
          for await (const chunk of answer.setEncoding("utf8")) text += String(chunk);
          resolve({ status: answer.statusCode ?? 0, text });
        })
          .on("error", reject)
          .end();
      });
    expect((await apart.ask("GET", "/metrics")).status).toBe(404);
    await apart.ask("GET", "/livez");
    const numbers = await ask("/metrics");
    expect(numbers.status).toBe(200);
    expect(numbers.text).toContain('route="/livez"');
    for (const path of ["/api/runs", "/livez", "/openapi.json"])
      expect([path, (await ask(path)).status]).toEqual([path, 404]);
    expect((await ask("/metrics", "evil.example")).status).toBe(403);
    expect((await ask("/nope")).text).not.toMatch(INNER);
    await apart.close();
    await expect(ask("/metrics")).rejects.toThrow(/ECONNREFUSED|hang up|ECONNRESET/);
  });
});
