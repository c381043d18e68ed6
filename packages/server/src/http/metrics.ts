import type { Stats } from "@weftwork/sdk";
import type { FastifyInstance } from "fastify";
import packageJson from "../../package.json" with { type: "json" };
import type { Surface } from "./surface.ts";

/** Upper bounds in seconds: from an answer out of memory to one that waits for a run. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

interface Durations {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  /** Requests in each bucket alone; they are added up when they are read. */
  readonly counts: number[];
  sum: number;
}

/**
 * `GET /metrics` in the text format of Prometheus. Requests are counted by the route they met and not by their path, so
 * the number of series is bounded. Event streams are left out: how long one is open says nothing of the server.
 * `reader` is the server that answers; the requests to `app` are what it tells of.
 */
export function metricsRoutes(app: FastifyInstance, surface: Surface, reader: FastifyInstance = app): void {
  const series = new Map<string, Durations>();

  app.addHook("onResponse", (request, reply, done) => {
    const { method } = request;
    const { statusCode: status } = reply;
    const route = request.routeOptions.url ?? "(none)";
    if (!route.endsWith("/events")) {
      const key = `${method} ${status} ${route}`;
      let durations = series.get(key);
      if (!durations) {
        durations = { method, route, status, counts: BUCKETS.map(() => 0), sum: 0 };
        durations.counts.push(0);
        series.set(key, durations);
      }
      const seconds = reply.elapsedTime / 1000;
      const at = BUCKETS.findIndex((bound) => seconds <= bound);
      durations.counts[at < 0 ? BUCKETS.length : at]! += 1;
      durations.sum += seconds;
    }
    done();
  });

  reader.get("/metrics", async (_request, reply) => {
    const stats = await surface.engine.runs.stats();
    const text = [...buildInfo(), ...runMetrics(stats), ...durationMetrics([...series.values()])].join("\n");
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

function durationMetrics(all: readonly Durations[]): readonly string[] {
  const name = "weft_http_request_duration_seconds";
  const lines = all.flatMap(({ method, route, status, counts, sum }) => {
    const labels = `method="${escaped(method)}",route="${escaped(route)}",status="${status}"`;
    let total = 0;
    const buckets = counts.map((count, at) => {
      total += count;
      return `${name}_bucket{${labels},le="${BUCKETS[at] ?? "+Inf"}"} ${total}`;
    });
    return [...buckets, `${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${total}`];
  });
  return [...head(name, "histogram", "Time from the request to the end of its answer."), ...lines];
}

function head(name: string, type: string, help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function escaped(label: string): string {
  return label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
