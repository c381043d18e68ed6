import { failure, isErrorCode, isJsonObject, type Failure, type Json, type JsonObject } from "@weftwork/core";
import type { NodeExecutor, NodeTask, Outcome } from "../nodes/node.ts";
import type { ErrorSource, HttpAnswer, HttpRule, StepAnswer } from "./case.ts";
import { answerOf } from "./read-answers.ts";
import type { SkippingClock } from "./skipping-clock.ts";

export interface NodeScriptOptions {
  readonly steps: ReadonlyMap<string, readonly StepAnswer[]>;
  readonly http: readonly HttpRule[];
  readonly clock: SkippingClock;
  /** An executor is called for this step, or an endpoint (`http`). */
  readonly called: (name: string) => void;
  /** A task begins, whoever does it. */
  readonly began: (type: string, task: NodeTask) => void;
  readonly complain: (message: string) => void;
}

/**
 * The executors of a process as a test sees them: steps that the case names answer with what it says, requests are
 * answered from its script and never leave the machine, and the clock knows of everything that is under way.
 */
export function scriptedNodes(executors: readonly NodeExecutor[], options: NodeScriptOptions): NodeExecutor[] {
  const { steps, clock, called, began } = options;
  const endpoints = httpAnswers(options);
  return executors.map((executor): NodeExecutor => {
    const { type, version, effect, pool, timeoutMs } = executor;
    return {
      type,
      version,
      effect,
      pool,
      timeoutMs,
      ...(executor.byOwnWorkers ? { byOwnWorkers: false } : {}),
      ...(executor.unavailable ? { unavailable: (config) => executor.unavailable!(config) } : {}),
      execute(task) {
        called(task.node);
        began(type, task);
        const answers = steps.get(`${task.scope}/${task.node}`) ?? steps.get(task.node);
        if (answers) return replaced(answers, task, clock);
        const outcome = type === "http" ? endpoints(task) : executor.execute(task);
        if (isPromise(outcome)) {
          const end = clock.begin();
          void outcome.then(end, end);
        }
        return outcome;
      },
    };
  });
}

function replaced(answers: readonly StepAnswer[], task: NodeTask, clock: SkippingClock): Outcome | Promise<Outcome> {
  const answer = answerOf(answers, task.attempt);
  const outcome: Outcome =
    answer.type === "output"
      ? { type: "completed", output: answer.output }
      : { type: "failed", failure: stepFailure(answer.error) };
  if (answer.delayMs === 0) return outcome;
  const end = clock.begin();
  return clock
    .sleep(answer.delayMs, task.signal)
    .then(() => outcome)
    .finally(end);
}

/** What a case says of an error, as the failure of a step. */
function stepFailure({ status, code, message, retryable }: ErrorSource): Failure {
  const base =
    code !== undefined && isErrorCode(code)
      ? failure(code, { reason: message ?? "the test says so" })
      : code === undefined && status !== undefined
        ? statusFailure("the scripted step", status, message ?? null)
        : { code: code ?? "STEP_FAILED", message: message ?? "The test says that the step fails.", retryable: false };
  return { ...base, ...(message === undefined ? {} : { message }), ...(retryable === undefined ? {} : { retryable }) };
}

function statusFailure(target: string, status: number, body: Json): Failure {
  const retryable = status >= 500 || status === 408 || status === 425 || status === 429;
  return { ...failure("REQUEST_STATUS", { target, status, body }), retryable };
}

function httpAnswers(options: NodeScriptOptions): (task: NodeTask) => Outcome | Promise<Outcome> {
  const { http, clock, called, complain } = options;
  const met = new Map<HttpRule, number>();
  const used = new Map<HttpRule, number>();
  const ruleFor = (method: string, url: URL, body: Json | undefined): HttpRule | null => {
    let found: HttpRule | null = null;
    for (const rule of http) {
      if ((rule.method !== null && rule.method !== method) || !fitsUrl(rule, url)) continue;
      if (rule.requestBody !== null && !rule.requestBody.fits(bodyText(body))) continue;
      const count = (met.get(rule) ?? 0) + 1;
      met.set(rule, count);
      if (rule.nth === null || rule.nth === count) found ??= rule;
    }
    return found;
  };
  return (task) => {
    called("http");
    const method = String(task.config["method"] ?? "GET").toUpperCase();
    const url = urlOf(task.config);
    if (url === null) {
      const reason = "url is not an absolute URL such as https://host/path";
      return { type: "failed", failure: failure("STEP_FAILED", { reason }) };
    }
    const rule = ruleFor(method, url, task.config["body"]);
    if (rule === null) {
      complain(`${method} ${url.href} was requested by ${task.node}, and no script answers. Add an answer under http.`);
      const reason = "no script of the test answers it";
      return {
        type: "failed",
        failure: { ...failure("REQUEST_FAILED", { target: url.origin, reason }), retryable: false },
      };
    }
    const number = (used.get(rule) ?? 0) + 1;
    used.set(rule, number);
    const answer = answerOf(rule.answers, number);
    const outcome = httpOutcome(answer, url);
    return answer.delayMs === 0 ? outcome : clock.sleep(answer.delayMs, task.signal).then(() => outcome);
  };
}

function bodyText(body: Json | undefined): string {
  return typeof body === "string" ? body : JSON.stringify(body ?? null);
}

function httpOutcome({ error, status, headers, body }: HttpAnswer, url: URL): Outcome {
  if (error !== null)
    return { type: "failed", failure: failure("REQUEST_FAILED", { target: url.origin, reason: error }) };
  if (status >= 400) {
    const seconds = Number(headers["retry-after"] ?? Number.NaN);
    const failed: Outcome = { type: "failed", failure: statusFailure(url.origin, status, body) };
    return Number.isFinite(seconds) && failed.failure.retryable ? { ...failed, retryAfterMs: seconds * 1000 } : failed;
  }
  const type = typeof body === "string" ? "text/plain" : "application/json";
  return { type: "completed", output: { status, headers: { "content-type": type, ...headers }, body: body ?? "" } };
}

/** A rule without a query fits whatever query is asked. */
function fitsUrl(rule: HttpRule, url: URL): boolean {
  if (rule.pattern) return rule.pattern.fits(url.href);
  const wanted = URL.parse(rule.url);
  if (wanted === null) return false;
  if (wanted.search !== "") return wanted.href === url.href;
  return wanted.origin === url.origin && wanted.pathname === url.pathname;
}

function urlOf(config: JsonObject): URL | null {
  const url = URL.parse(String(config["url"] ?? ""));
  const query = config["query"];
  if (url === null || !isJsonObject(query)) return url;
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? (value as readonly Json[]) : [value]) {
      if (one !== null) url.searchParams.append(name, typeof one === "string" ? one : JSON.stringify(one));
    }
  }
  return url;
}

function isPromise(outcome: Outcome | Promise<Outcome>): outcome is Promise<Outcome> {
  return typeof (outcome as Promise<Outcome>).then === "function";
}
