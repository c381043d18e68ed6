import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { writeBackup } from "../../packages/server/src/backup/write.ts";
import { createApp } from "../../packages/server/src/http/app.ts";
import { defineNode, openWeft, type Weft } from "../../packages/server/src/index.ts";

/** With all that encodings change, and long enough that no chance makes it. */
const ENV_CANARY = `env-c4n4ry/+ "Zürich" & <9f1d77>`;
const STORE_CANARY = "store-c4n4ry-5e0b2a9c41d8f7";
const CANARIES = [ENV_CANARY, STORE_CANARY];

/** The same text in all encodings, made without the product's own list. In base64 it stands at three places of a group. */
function formsOf(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const url = [encodeURIComponent(text), new URLSearchParams({ "": text }).toString().slice(1)];
  return [text, json, JSON.stringify(json).slice(1, -1), ...url, ...base64(text), Buffer.from(text).toString("hex")];
}

function base64(text: string): readonly string[] {
  return ["", "a", "ab"].flatMap((before) =>
    (["base64", "base64url"] as const).map((encoding) => Buffer.from(before + text).toString(encoding)),
  );
}

/** What is searched for: of base64 only what no neighbour has a part in. */
const LOOKS = CANARIES.flatMap(formsOf).map((form) =>
  CANARIES.some((text) => base64(text).includes(form)) ? form.slice(4, -4) : form,
);

/** What a server that heard these words may say of them. */
function echoOf(said: string): string {
  return CANARIES.filter((text) => formsOf(text).some((form) => said.includes(form)))
    .flatMap(formsOf)
    .join(" | ");
}

function found(surface: string, content: string | Buffer): readonly string[] {
  const bytes = Buffer.from(content);
  return LOOKS.filter((look) => bytes.includes(look)).map((look) => `${surface}: ${look}`);
}

/** Servers that tell all they heard: in headers, in every encoding, in errors, in redirects, in pieces. */
class Echo {
  readonly heard: string[] = [];
  private readonly server: Server;
  away = "";

  constructor() {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  async listen(): Promise<number> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
    const { authorization = "", "x-key": key = "" } = request.headers;
    const said = `${request.url} ${authorization} ${Buffer.from(String(key), "latin1").toString()} ${body}`;
    this.heard.push(said);
    const looks = echoOf(said);
    const path = request.url!.split("?")[0]!;
    if (path === "/error") return void response.writeHead(422, { "x-echo": STORE_CANARY }).end(`no: ${said} ${looks}`);
    if (path === "/broken") return void request.socket.destroy();
    if (path === "/redirect") {
      return void response.writeHead(302, { location: `/echo?leak=${encodeURIComponent(STORE_CANARY)}` }).end();
    }
    if (path === "/away") return void response.writeHead(307, { location: `${this.away}/echo` }).end();
    if (path === "/file") {
      const head = {
        "content-type": "application/octet-stream",
        "content-disposition": 'attachment; filename="x.bin"',
      };
      response.writeHead(200, head);
      const bytes = Buffer.concat([Buffer.from([0, 1, 2, 255]), Buffer.from(looks), Buffer.from([0, 254])]);
      for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7));
      return void response.end();
    }
    response.writeHead(200, {
      "content-type": "application/json",
      "x-echo": ["heard", looks.replaceAll(/[^ -~]/g, "")],
    });
    response.end(
      JSON.stringify({
        said,
        looks,
        headers: request.headers,
        [looks]: [looks, { again: JSON.stringify({ looks }) }],
      }),
    );
  }
}

const here = new Echo();
const other = new Echo();
let folder: string;
let weft: Weft;
let app: ReturnType<typeof createApp>;
let base: string;
let otherBase: string;
const logged: string[] = [];
/** Everything that came out of the program, by where. */
const surfaces = new Map<string, string>();

beforeAll(async () => {
  base = `http://127.0.0.1:${await here.listen()}`;
  otherBase = `http://127.0.0.1:${await other.listen()}`;
  here.away = otherBase;
  folder = mkdtempSync(join(tmpdir(), "weft-secrets-"));
  const logger = pino({ level: "trace" }, { write: (line) => void logged.push(line) });
  const chatty = defineNode({
    type: "chatty",
    config: z.object({ token: z.string(), to: z.string(), after: z.string() }),
    secretFields: ["token"],
    async execute({ token, to, after }, task) {
      const secret = task.secrets.reveal(token, new URL(to));
      const looks = echoOf(secret);
      for (const text of ["said ", ...looks, secret.slice(0, 5), secret.slice(5), " end"])
        task.emit({ type: "text_delta", text });
      task.emit({ type: "log", level: "warn", message: `sent ${secret} ${looks}` });
      // So that who watches sees pieces before the end.
      await new Promise((resolve) => setImmediate(resolve));
      if (after === "throw") throw Object.assign(new Error(`refused ${secret} ${looks}`), { secret });
      return { secret, config: task.config, [secret]: looks };
    },
  });
  weft = await openWeft({
    store: folder,
    environment: { WEFT_SECRET_ENV_KEY: ENV_CANARY, WEFT_SECRET_BOUND: STORE_CANARY, WEFT_SECRET_BOUND_HOSTS: base },
    httpAllow: [base, otherBase].map((url) => new URL(url).host),
    nodes: [chatty],
    problem: (message, runId, error) => logger.error({ run_id: runId, err: error }, message),
  });
  app = createApp({ weft, config: { host: "127.0.0.1", port: 0, bodyLimit: 1_000_000 }, logger });
  await call("PUT", "/api/secrets/STORE_KEY", { value: STORE_CANARY });
});

afterAll(async () => {
  await app.close();
  await weft.close({ graceMs: 0 });
  here.close();
  other.close();
  rmSync(folder, { recursive: true });
});

async function call(method: "GET" | "PUT" | "POST" | "DELETE", url: string, body?: unknown) {
  const answer = await app.fastify.inject({
    method,
    url,
    ...(body === undefined ? {} : { payload: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  surfaces.set(`${method} ${url} #${surfaces.size}`, `${JSON.stringify(answer.headers)} ${answer.payload}`);
  return answer;
}

/** Publishes a workflow of these steps, runs it to its end and asks for it in every way there is. */
async function run(name: string, steps: string, inputs: Record<string, unknown> = {}) {
  const published = await weft.workflows.publish(
    `name: ${name}\ninputs: {type: object, properties: {url: {}, text: {}}}\nsteps:\n${steps}`,
  );
  expect(published.problems.filter(({ severity }) => severity === "error")).toEqual([]);
  const { run: started } = await weft.runs.start({ workflow: name, inputs: inputs as Record<string, string> });
  const path = `/api/runs/${started.id}`;
  const ended = (await weft.runs.wait(started.id))!;
  for (const part of ["", "?include=steps", "/events", "/logs", "/export", "/steps/a"])
    await call("GET", `${path}${part}`);
  for (const url of [`/api/tasks/${started.id}`, "/api/runs", "/api/stats", "/metrics", "/api/secrets"])
    await call("GET", url);
  return { run: ended, text: surfaces };
}

const SENT = `
    url: "BASE/PATH?q={{ secrets.STORE_KEY }}"
    method: POST
    headers: {x-key: "{{ secrets.STORE_KEY }}", authorization: "Bearer {{ secrets.STORE_KEY }}"}
    body: {deep: ["{{ secrets.ENV_KEY }}", "and {{ secrets.STORE_KEY }}"], plain: "{{ inputs.text }}"}`;
const step = (path: string, more = ""): string =>
  `  - id: a\n    type: http${SENT.replace("BASE", base).replace("PATH", path)}\n    retry: 1\n${more}`;

test("the search finds a canary in every encoding, with neighbours", () => {
  for (const text of CANARIES) {
    for (const form of formsOf(text)) expect(found("planted", `x${form}y`)).not.toEqual([]);
    expect(found("planted", Buffer.from(`ab${text}c`).toString("base64"))).not.toEqual([]);
  }
});

describe("a secret that a step sends", () => {
  test("arrives whole, and its answer is taken over without it", async () => {
    const { run: ended } = await run("echo", step("echo"));
    expect(ended.status).toBe("succeeded");
    const said = here.heard.at(-1)!;
    expect(said).toContain(`q=${STORE_CANARY}`);
    expect(said).toContain(`Bearer ${STORE_CANARY}`);
    expect(said).toContain(JSON.stringify(ENV_CANARY));
    const text = JSON.stringify(ended.outputs);
    expect(text).toContain("***");
    expect(found("outputs", text)).toEqual([]);
  });

  test.each([
    ["error", "failed"],
    ["broken", "failed"],
    ["redirect", "succeeded"],
    ["file", "succeeded"],
  ])("is nowhere when the answer is: %s", async (path, status) => {
    const { run: ended } = await run(`answer-${path}`, step(path));
    expect(ended.status).toBe(status);
    expect(here.heard.some((said) => said.startsWith(`/${path}`) && said.includes(STORE_CANARY))).toBe(true);
  });

  test("goes to no other host by a redirect", async () => {
    const before = other.heard.length;
    const { run: ended } = await run("away", step("away"));
    expect(ended.status).toBe("failed");
    const get = step("away")
      .replace(/ {4}body:.*\n/, "")
      .replace("POST", "GET");
    expect((await run("away-get", get)).run.status).toBe("succeeded");
    expect(other.heard.length).toBe(before + 1);
    expect(found("the other host", other.heard.join())).toEqual([]);
  });

  test.each([
    ["throws", "throw", "failed"],
    ["returns", "return", "succeeded"],
  ])("is nowhere when an own node %s it and streams it in pieces", async (_, after, status) => {
    const steps = `  - {id: a, type: chatty, to: "${base}", token: "{{ secrets.BOUND }}", after: ${after}, retry: 1}`;
    const { run: ended } = await run(`chatty-${after}`, steps);
    expect(ended.status).toBe(status);
    expect(JSON.stringify(ended)).toContain("***");
  });
});

describe("a secret is refused", () => {
  const refused = async (name: string, steps: string, inputs: Record<string, unknown>) => {
    const before = other.heard.length;
    const { run: ended } = await run(name, steps, inputs);
    expect(other.heard.length).toBe(before);
    return ended.error?.code;
  };
  const computed = (secret: string): string =>
    `  - {id: a, type: http, url: "{{ inputs.url }}", headers: {x-key: "{{ secrets.${secret} }}"}, retry: 1}`;

  test("to a host that data has chosen, unless it is bound to that", async () => {
    expect(await refused("computed", computed("STORE_KEY"), { url: otherBase })).toBe("SECRET_NOT_ALLOWED");
    expect(await refused("bound", computed("BOUND"), { url: otherBase })).toBe("SECRET_NOT_ALLOWED");
    const { run: ended } = await run("bound-right", computed("BOUND"), { url: `${base}/echo` });
    expect(ended.status).toBe("succeeded");
    expect(here.heard.at(-1)).toContain(STORE_CANARY);
  });

  test("to a host that only looks like the one it is bound to", async () => {
    const { host, port } = new URL(base);
    for (const url of [
      `http://${host}@127.0.0.1:${new URL(otherBase).port}/`,
      `http://localhost:${port}/`,
      `https://${host}/`,
    ])
      expect(await refused("alike", computed("BOUND"), { url })).toMatch(
        /^(SECRET_NOT_ALLOWED|REQUEST_BLOCKED|CONFIG_INVALID)$/,
      );
  });

  test("when it is not there, with the remedy; a warning says so before", async () => {
    const steps = `  - {id: a, type: http, url: "${base}/", headers: {x: "{{ secrets.NOT_THERE }}"}, retry: 1}`;
    const { problems } = await weft.workflows.check(`name: x\nsteps:\n${steps}`);
    expect(problems).toMatchObject([{ severity: "warning", code: "unknown_secret", place: { line: 3 } }]);
    const { run: ended } = await run("missing", steps);
    expect(ended.error).toMatchObject({
      code: "SECRET_NOT_FOUND",
      message: expect.stringContaining("weft secrets set NOT_THERE"),
    });
  });
});

test("a cached step with a secret is asked once, and no data that looks like its mark gets its result", async () => {
  const cached = (name: string, value: string) =>
    run(name, `  - {id: a, type: http, url: "${base}/cached", headers: {x-key: "${value}"}, cache: 1h, retry: 1}`, {
      text: "weft-secret.STORE_KEY.",
    });
  const asked = () => here.heard.filter((said) => said.startsWith("/cached")).length;
  const first = await cached("cached", "{{ secrets.STORE_KEY }}");
  const second = await cached("cached-again", "{{ secrets.STORE_KEY }}");
  expect(asked()).toBe(1);
  expect(second.run.outputs).toEqual(first.run.outputs);
  await cached("cached-forged", "{{ inputs.text }}");
  expect(asked()).toBe(2);
});

test("data that looks like a mark is sent as it is", async () => {
  const text = `weft-secret.STORE_KEY.${"0".repeat(32)} {{ secrets.STORE_KEY }}`;
  const { run: ended } = await run("forged", step("echo"), { text });
  expect(ended.status).toBe("succeeded");
  expect(here.heard.at(-1)).toContain(JSON.stringify(text).slice(1, -1));
});

test("no answer to a wrong request repeats a value", async () => {
  const typed = (payload: string, type = "application/json") =>
    app.fastify.inject({ method: "PUT", url: "/api/secrets/STORE_KEY", payload, headers: { "content-type": type } });
  for (const answer of [
    await typed(`{"value": "${STORE_CANARY}", }`),
    await typed(`{"value": "${STORE_CANARY}"`),
    await typed(`${STORE_CANARY}`),
    await typed(JSON.stringify({ value: STORE_CANARY, more: 1 })),
    await typed(JSON.stringify({ value: [STORE_CANARY] })),
    await typed(JSON.stringify({ value: STORE_CANARY, hosts: ["*"] })),
    await typed(`value: ${STORE_CANARY}`, "application/yaml"),
    await call("PUT", "/api/secrets/lower", { value: STORE_CANARY }),
  ]) {
    expect(answer.statusCode).toBeGreaterThanOrEqual(400);
    expect(found("problem", answer.payload)).toEqual([]);
  }
});

test("only this machine's own programs may ask: no web page", async () => {
  for (const headers of [{ host: "evil.example" }, { origin: "https://evil.example" }]) {
    const answer = await app.fastify.inject({ method: "GET", url: "/api/secrets", headers });
    expect(answer.statusCode).toBe(403);
  }
  const form = { "content-type": "text/plain" };
  const answer = await app.fastify.inject({ method: "PUT", url: "/api/secrets/A", payload: "{}", headers: form });
  expect(answer.statusCode).toBe(415);
});

/** All files below a folder, but for the master key, which opens the store. */
function filesOf(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile() && !file.endsWith("master.key"));
}

test("it is found in nothing that the program said, logged or wrote, nor in a copy or a backup of its folder", async () => {
  const copy = mkdtempSync(join(tmpdir(), "weft-copy-"));
  cpSync(folder, copy, { recursive: true, filter: (path) => !path.endsWith("-shm") });
  const hits = [...surfaces].flatMap(([surface, content]) => found(surface, content));
  const files = [...filesOf(folder), ...filesOf(copy)];
  const inFiles = files.flatMap((file) => found(file, readFileSync(file)));
  const archive = join(copy, "backup.tar.gz");
  const { files: backedUp } = await writeBackup({ folder, file: archive, now: new Date(), version: "1" });
  const inBackup = found("backup", gunzipSync(readFileSync(archive)));
  rmSync(copy, { recursive: true });
  expect(backedUp.map(({ path }) => path)).toEqual(expect.arrayContaining(["journal.db", "catalogue.db", "stream.db"]));
  expect(backedUp.filter(({ path }) => path.includes("master.key"))).toEqual([]);
  expect([...surfaces.values()].join().length).toBeGreaterThan(50_000);
  expect(files.some((file) => file.endsWith("-wal"))).toBe(true);
  expect(files.some((file) => file.includes("blobs"))).toBe(true);
  expect([...hits, ...found("logs", logged.join("\n")), ...inFiles, ...inBackup]).toEqual([]);
});
