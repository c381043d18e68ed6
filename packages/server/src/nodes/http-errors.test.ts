import { createServer, type AddressInfo } from "node:net";
import type { JsonObject } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { service, type Handler, type Service } from "./http-service.testing.ts";
import { httpNode } from "./http.ts";
import type { Outcome } from "./node.ts";
import { testTask } from "./test-task.ts";

const json: Handler = (_request, response) => {
  response.setHeader("content-type", "application/json").end('{"ok":true}');
};

async function ask(to: Service, config: JsonObject = {}): Promise<Outcome> {
  const node = httpNode({ allow: [to.target] });
  const outcome = await node.execute(testTask({ url: `${to.url}/`, ...config }));
  await node.close!();
  return outcome;
}

describe("statuses that a step takes", () => {
  test.each<[number, JsonObject, "completed" | "failed"]>([
    [404, { raise_for_status: false }, "completed"],
    [503, { raise_for_status: false }, "completed"],
    [404, { accept_status: [404, 409] }, "completed"],
    [410, { accept_status: [404, "5xx"] }, "failed"],
    [502, { accept_status: [404, "5XX"] }, "completed"],
    [404, { raise_for_status: true }, "failed"],
    [404, {}, "failed"],
  ])("%i with %j has %s", async (status, config, type) => {
    const to = await service((_request, response) => void response.writeHead(status).end("why"));
    const outcome = await ask(to, config);
    expect(outcome.type).toBe(type);
    if (type === "completed") expect(outcome).toMatchObject({ output: { status, body: "why" } });
  });

  test.each(["4x", "600", 99, 404.5, "6xx"])("%j is no status", async (status) => {
    const to = await service(json);
    expect(await ask(to, { accept_status: [status] })).toMatchObject({ failure: { code: "STEP_FAILED" } });
  });
});

/** A server that answers every connection with the same bytes, whatever HTTP says. */
async function answering(bytes: string): Promise<{ ask(): Promise<Outcome> }> {
  const server = createServer((socket) => void socket.on("error", () => {}).once("data", () => socket.end(bytes)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    async ask() {
      const node = httpNode({ allow: [target] });
      const outcome = await node.execute(testTask({ url: `http://${target}/` }));
      await node.close!();
      await new Promise((resolve) => server.close(resolve));
      return outcome;
    },
  };
}

describe("lengths that are not true", () => {
  test.each<[string, string, object]>([
    ["more than announced is left", "content-length: 3\r\n\r\nabcdef", { output: { body: "abc" } }],
    ["less has failed", "content-length: 9\r\n\r\nabc", { failure: { code: "REQUEST_FAILED", retryable: true } }],
    [
      "two of them have failed",
      "content-length: 3\r\ncontent-length: 5\r\n\r\nabcde",
      { failure: { code: "REQUEST_FAILED" } },
    ],
    [
      "with chunks they have failed",
      "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      { failure: { code: "REQUEST_FAILED" } },
    ],
    [
      "a chunk without its end has failed",
      "transfer-encoding: chunked\r\n\r\n9\r\nabc",
      { failure: { code: "REQUEST_FAILED", retryable: true } },
    ],
    ["none is read to the end", "\r\nabc", { output: { body: "abc" } }],
  ])("%s", async (_fact, rest, expected) => {
    const server = await answering(`HTTP/1.1 200 OK\r\n${rest}`);
    expect(await server.ask()).toMatchObject(expected);
  });
});

describe("errors of the network say what kind they are", () => {
  test("nobody listens, a name that is none, a connection that is cut, an answer that is no HTTP", async () => {
    const cut = await service((_request, response) => void response.destroy());
    const gone = await service(json);
    await new Promise((resolve) => gone.server.close(resolve));
    const babble = await answering("I do not speak HTTP\r\n\r\n");
    const noName = httpNode({
      resolve: async () => {
        throw Object.assign(new Error("no"), { code: "ENOTFOUND" });
      },
    });
    const failed = (kind: string, retryable: boolean): object => ({
      failure: { code: "REQUEST_FAILED", retryable, details: { kind } },
    });
    expect(await ask(cut)).toMatchObject(failed("cut", true));
    expect(await ask(gone)).toMatchObject(failed("connect", true));
    expect(await noName.execute(testTask({ url: "http://nowhere.test/" }))).toMatchObject(failed("dns", true));
    expect(await babble.ask()).toMatchObject(failed("protocol", false));
  });
});

test("a closed node has no connection left", async () => {
  const to = await service(json);
  const node = httpNode({ allow: [to.target] });
  await node.execute(testTask({ url: to.url }));
  const connections = (): Promise<number> =>
    new Promise((resolve, reject) =>
      to.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  expect(await connections()).toBe(1);
  await node.close!();
  await expect.poll(connections).toBe(0);
});
