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

  test("tell what steps, models and pools did here, by type and never by run", async () => {
    await server.weft.workflows.publish(
      "name: says\nsteps: [{id: said, type: llm, model: builtin/extract, input: 'A loom weaves. The loom is old.'}]\n",
    );
    for (const id of ["my-run-1", "my-run-2"]) {
      await server.weft.runs.start({ workflow: "says", id });
      await server.weft.runs.wait(id, { timeoutMs: 10_000 });
    }
    const text = await read();
    expect(text).toContain('\nweft_run_duration_seconds_count{status="succeeded"} 2\n');
    expect(text).toContain("\nweft_run_queue_wait_seconds_count 2\n");
    expect(text).toMatch(/^weft_node_executions_total\{node_type="(?:llm|model_inference)",status="succeeded"\} 2$/m);
    expect(text).toMatch(/^weft_node_duration_seconds_count\{node_type="(?:llm|model_inference)"\} 2$/m);
    const model = 'provider="builtin",model="builtin/extract"';
    expect(text).toContain(`\nweft_model_requests_total{${model},status="succeeded"} 2\n`);
    expect(text).toMatch(new RegExp(`^weft_model_tokens_total\\{${model},type="input"\\} [1-9]\\d*$`, "m"));
    expect(text).toContain('\nweft_queue_depth{queue="generation"} 0\n');
    expect(text).toMatch(/^weft_worker_slots\{queue="generation",state="free"\} [1-9]\d*$/m);
    expect(text).not.toContain("my-run");
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
