import type { JsonObject } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { service, type Handler, type Service } from "./http-service.testing.ts";
import { httpNode, type HttpOptions } from "./http.ts";
import type { Outcome } from "./node.ts";
import { testTask } from "./test-task.ts";

async function ask(services: readonly Service[], config: JsonObject, options: HttpOptions = {}): Promise<Outcome> {
  const node = httpNode({ allow: services.map(({ target }) => target), ...options });
  const outcome = await node.execute(testTask({ url: `${services[0]!.url}/list`, ...config }));
  await node.close!();
  return outcome;
}

/** Seven items in pages of three; `name` says how the next page is found. */
const pages =
  (next: (page: number, url: URL) => { readonly body?: JsonObject; readonly link?: string }): Handler =>
  (request, response) => {
    const url = new URL(request.url!, "http://host");
    const page = Number(url.searchParams.get("page") ?? "1");
    const data = [1, 2, 3, 4, 5, 6, 7].slice((page - 1) * 3, page * 3);
    const { body = {}, link } = page < 3 ? next(page, url) : {};
    if (link !== undefined) response.setHeader("link", link);
    response.setHeader("content-type", "application/json").end(JSON.stringify({ data, ...body }));
  };

const ALL = { body: [1, 2, 3, 4, 5, 6, 7], pages: 3, complete: true };

describe("pages are found by", () => {
  test.each<[string, JsonObject, Handler]>([
    [
      "a URL in the body",
      { next: "/links/next" },
      pages((page) => ({ body: { links: { next: `?page=${page + 1}` } } })),
    ],
    [
      "an expression",
      { next: "'/list?page=' ~ (page + 1) if body.more else none" },
      pages(() => ({ body: { more: true } })),
    ],
    [
      "a Link header",
      { link: true },
      pages((page) => ({ link: `</list?page=1>; rel="first", </list?page=${page + 1}>; title=x; rel="next last"` })),
    ],
    [
      "a cursor",
      { cursor: { from: "/meta/cursor", param: "page" } },
      pages((page) => ({ body: { meta: { cursor: page + 1 } } })),
    ],
    ["counting, until a page is empty", { cursor: { from: "page + 1", param: "page" } }, pages(() => ({}))],
  ])("%s", async (how, paginate, handler) => {
    const to = await service(handler);
    const items = how === "an expression" ? "body.data" : "/data";
    const outcome = await ask([to], { paginate: { ...paginate, items }, query: { size: 3 }, auth: { bearer: "t" } });
    const counted = how.startsWith("counting");
    expect(outcome).toMatchObject({ type: "completed", output: { status: 200, ...ALL, pages: counted ? 4 : 3 } });
    expect(to.requests.every(({ headers }) => headers.authorization === "Bearer t")).toBe(true);
    expect(to.requests[0]!.url).toBe("/list?size=3");
  });

  test("nothing but the body where no items are named", async () => {
    const to = await service(
      (_request, response) => void response.setHeader("content-type", "application/json").end("[1,2]"),
    );
    expect(await ask([to], { paginate: { link: true } })).toMatchObject({
      output: { body: [1, 2], pages: 1, complete: true },
    });
  });
});

describe("pages end", () => {
  const endless = pages((page) => ({ body: { next: `?page=${page + 1}` } }));

  test.each<[JsonObject, number[], number, boolean]>([
    [{ pages_max: 2 }, [1, 2, 3, 4, 5, 6], 2, false],
    [{ items_max: 5 }, [1, 2, 3, 4, 5], 2, false],
    [{ items_max: 3 }, [1, 2, 3], 1, false],
    [{ items_max: 7 }, ALL.body, 3, true],
    [{ pages_max: 3 }, ALL.body, 3, true],
  ])("at %j", async (limits, body, count, complete) => {
    const to = await service(endless);
    const outcome = await ask([to], { paginate: { next: "/next", items: "/data", ...limits } });
    expect(outcome).toMatchObject({ output: { body, pages: count, complete } });
    expect(to.requests).toHaveLength(count);
  });

  test("with an error where a page points back to one that was read", async () => {
    const to = await service((_request, response) => {
      response.setHeader("content-type", "application/json").end('{"data":[1],"next":"/list?again"}');
    });
    const outcome = await ask([to], { paginate: { next: "/next", items: "/data" } });
    expect(outcome).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: false } });
    expect(to.requests).toHaveLength(2);
  });

  test("with an error where all of them together are too large", async () => {
    const page = JSON.stringify({ data: ["x".repeat(50_000)] });
    const to = await service(
      (_request, response) => void response.setHeader("content-type", "application/json").end(page),
    );
    const paginate = { cursor: { from: "page + 1", param: "page" }, items: "/data" };
    const outcome = await ask([to], { paginate }, { responseBytesMax: 60_000 });
    expect(outcome).toMatchObject({ failure: { code: "RESULT_TOO_LARGE", details: { limit: 600_000 } } });
    expect(to.requests.length).toBeLessThanOrEqual(13);
  });
});

describe("pages that do not go well", () => {
  test.each<[string, JsonObject, string, string]>([
    ["items that are no list", { link: true, items: "/data/0" }, "REQUEST_FAILED", "no list at"],
    ["items that are not there", { link: true, items: "/nowhere" }, "REQUEST_FAILED", "no list at"],
    ["a next that is no URL", { next: "/data", items: "/data" }, "REQUEST_FAILED", "not a URL"],
    [
      "a cursor that is neither text nor number",
      { cursor: { from: "/data", param: "c" }, items: "/data" },
      "REQUEST_FAILED",
      "neither text nor a number",
    ],
    ["an expression that is none", { next: "1 +", items: "/data" }, "EXPRESSION_ERROR", "paginate.next"],
    ["an expression that fails", { next: "body.nowhere.deep", items: "/data" }, "EXPRESSION_ERROR", "at page 1"],
    ["no way at all", { items: "/data" }, "STEP_FAILED", "exactly one"],
    ["two ways", { link: true, next: "/next" }, "STEP_FAILED", "exactly one"],
  ])("%s", async (_what, paginate, code, words) => {
    const to = await service(pages(() => ({})));
    const outcome = await ask([to], { paginate });
    expect(outcome).toMatchObject({ type: "failed", failure: { code, retryable: false } });
    expect(JSON.stringify(outcome)).toContain(words);
  });

  test("a status of a later page fails the step with its hint", async () => {
    const to = await service((request, response) => {
      if (request.url === "/list")
        response.setHeader("content-type", "application/json").end('{"data":[1],"next":"/2"}');
      else response.writeHead(503, { "retry-after": "3" }).end("busy");
    });
    expect(await ask([to], { paginate: { next: "/next", items: "/data" } })).toMatchObject({
      failure: { code: "REQUEST_STATUS", retryable: true },
      retryAfterMs: 3000,
    });
  });

  test("a page at a private address is refused as the first would be", async () => {
    const to = await service((_request, response) => {
      response.setHeader("content-type", "application/json").end('{"data":[],"next":"http://169.254.169.254/"}');
    });
    expect(await ask([to], { paginate: { next: "/next", items: "/data" } })).toMatchObject({
      failure: { code: "REQUEST_BLOCKED" },
    });
  });

  test("a page at another host gets no credential, in no header and no query", async () => {
    const other = await service(pages(() => ({})));
    const to = await service((_request, response) => {
      response
        .setHeader("content-type", "application/json")
        .end(JSON.stringify({ data: [1], next: `${other.url}/x?page=3` }));
    });
    const paginate = { next: "/next", items: "/data" };
    for (const auth of [{ bearer: "t" }, { query: "key", value: "t" }]) {
      await ask([to, other], { paginate, auth, headers: { "x-key": "k" }, query: { token: "q" } });
    }
    expect(to.requests[1]!.url).toBe("/list?token=q&key=t");
    for (const { headers, url } of other.requests) {
      expect([url, headers.authorization, headers["x-key"]]).toEqual(["/x?page=3", undefined, undefined]);
    }
    expect(other.requests).toHaveLength(2);
  });

  test("a key in the query goes along to further pages of the same host", async () => {
    const to = await service(pages((page) => ({ body: { next: `/list?page=${page + 1}` } })));
    await ask([to], { paginate: { next: "/next", items: "/data" }, auth: { query: "key", value: "t" } });
    expect(to.requests.map(({ url }) => url)).toEqual(["/list?key=t", "/list?page=2&key=t", "/list?page=3&key=t"]);
  });

  test("each page of a POST has a key of its own", async () => {
    const to = await service(pages((page) => ({ body: { next: `/list?page=${page + 1}` } })));
    await ask([to], { method: "POST", body: { q: 1 }, paginate: { next: "/next", items: "/data" } });
    expect(to.requests.map(({ headers, body }) => [headers["idempotency-key"], body.toString()])).toEqual([
      ["run_1/root/step/1", '{"q":1}'],
      ["run_1/root/step/1 page 2", '{"q":1}'],
      ["run_1/root/step/1 page 3", '{"q":1}'],
    ]);
  });
});
