import type { Stats } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import packageJson from "../../package.json" with { type: "json" };
import { Histograms } from "../telemetry/series.ts";
import type { Surface } from "./surface.ts";

/** Upper bounds in seconds: from an answer out of memory to one that waits for a run. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * `GET /metrics` in the text format of Prometheus. Requests are counted by the route they met and not by their path, so
 * the number of series is bounded. Event streams are left out: how long one is open says nothing of the server.
 * `reader` is the server that answers; the requests to `app` are what it tells of.
 */
export function metricsRoutes(app: FastifyInstance, surface: Surface, reader: FastifyInstance = app): void {
  const durations = new Histograms(
    "weft_http_request_duration_seconds",
    "Time from the request to the end of its answer.",
    ["method", "route", "status"],
    BUCKETS,
  );

  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "(none)";
    if (!route.endsWith("/events"))
      durations.observe([request.method, route, String(reply.statusCode)], reply.elapsedTime / 1000);
    done();
  });

  reader.get("/metrics", async (_request, reply) => {
    const stats = await surface.engine.runs.stats();
    const text = [...buildInfo(), ...runMetrics(stats), ...surface.engine.metrics(), ...durations.lines()].join("\n");
    return reply.header("content-type", METRICS_TYPE).send(`${text}\n`);
  });
}

function buildInfo(): readonly string[] {
  return [
    ...head("weft_build_info", "gauge", "What runs here."),
    `weft_build_info{version="${packageJson.version}"} 1`,
  ];
}

/** Counted by the store, so they go on across restarts and over all processes. */
function runMetrics({ runs }: Stats): readonly string[] {
  return [
    ...head("weft_runs_started_total", "counter", "Runs submitted."),
    `weft_runs_started_total ${runs.submitted}`,
    ...head("weft_runs_finished_total", "counter", "Runs ended, by how."),
    ...(["succeeded", "failed", "cancelled"] as const).map(
      (status) => `weft_runs_finished_total{status="${status}"} ${runs[status]}`,
    ),
    ...head("weft_runs_active", "gauge", "Runs that have not ended."),
    `weft_runs_active{state="open"} ${runs.open}`,
  ];
}

function head(name: string, type: string, help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}
