import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testApp, type TestApp } from "./app.testing.ts";

let server: TestApp;
beforeEach(async () => void (server = await testApp()));
afterEach(() => server.close());

const read = async (): Promise<string> => (await server.app.fastify.inject("/metrics")).body;

describe("the metrics", () => {
  test("count runs by what became of them, as the store does", async () => {
    server.isBroken = true;
    for (const [workflow, inputs] of [
      ["hello", { text: "x" }],
      ["fragile", {}],
    ] as const) {
      const { run } = await server.weft.runs.start({ workflow, inputs });
      await server.weft.runs.wait(run.id, { timeoutMs: 10_000 });
    }
    const text = await read();
    expect(text).toMatch(/^weft_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
    expect(text).toContain("\nweft_runs_started_total 2\n");
    expect(text).toContain('\nweft_runs_finished_total{status="succeeded"} 1\n');
    expect(text).toContain('\nweft_runs_finished_total{status="failed"} 1\n');
    expect(text).toContain('\nweft_runs_active{state="open"} 0\n');
  });

  test("time requests by their route, never by their path", async () => {
    for (const id of ["a", "b", "c"]) await server.app.fastify.inject(`/api/runs/${id}`);
    await server.app.fastify.inject('/nope-"quoted"');
    const text = await read();
    const labels = 'method="GET",route="/api/runs/:id",status="404"';
    expect(text).toContain(`weft_http_request_duration_seconds_count{${labels}} 3\n`);
    expect(text).toContain(`weft_http_request_duration_seconds_bucket{${labels},le="+Inf"} 3\n`);
    expect(text).not.toContain("nope");
    const bounds = [...text.matchAll(/route="\/api\/runs\/:id".*le="[^"]+"\} (\d+)/g)].map(([, count]) =>
      Number(count),
    );
    expect(bounds).toEqual(bounds.toSorted((a, b) => a - b));
  });

  test("are lines that a scraper reads", async () => {
    const answer = await server.app.fastify.inject("/metrics");
    expect(answer.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(answer.body.endsWith("\n")).toBe(true);
    for (const line of (await read()).trimEnd().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) weft_\w+ .+|weft_\w+(\{(\w+="[^"]*",?)+\})? [\d.e+-]+)$/);
  });
});
