import type { JsonObject } from "@weftwork/core";
import { header, json, jsonBody, query, type Operations } from "./operation.ts";
import { anyObject, choice, described, flag, list, nullable, ref, shape, text, time, whole } from "./schema.ts";

const catchUp = described(
  choice("skip", "last", "all"),
  "What becomes of times that passed while no server was there: none, the last one (the default), or up to ten.",
);
const overlap = described(choice("allow", "skip"), "Whether a run begins while the one before it is open.");
const cron = described(text, "Five fields, six with seconds in front, or @hourly, @daily, @weekly, @monthly, @yearly.");
const zone = described(text, "The zone of the IANA database that the rule is read in. Default: UTC.");
const startsAt = described(nullable(time), "No time before it.");
const endsAt = described(nullable(time), "No time from it on.");
const error = nullable(shape({ code: text, message: text }));

const settings: Readonly<Record<string, JsonObject>> = {
  name: described(text, "Unique; stands for the id in every path."),
  workflow: text,
  version: described(nullable(text), "Null: the newest at the time."),
  root: described(nullable(text), "The node that the run of a Dify file begins at."),
  inputs: anyObject,
  priority: nullable(choice("interactive", "normal", "batch", "background")),
  metadata: anyObject,
  cron,
  zone,
  catch_up: catchUp,
  overlap,
  jitter: described(text, "Starts are spread over so long, by the id of the schedule."),
  starts_at: startsAt,
  ends_at: endsAt,
};

const schedule: Readonly<Record<string, JsonObject>> = {
  id: text,
  ...settings,
  status: choice("active", "paused", "ended"),
  next_at: described(nullable(time), "When the next run begins."),
  last_run: nullable(text),
  failures: described(whole, "Times in a row whose run could not begin."),
  last_error: error,
  created_at: time,
  updated_at: time,
  links: shape({ self: text }),
};

const given: Readonly<Record<string, JsonObject>> = {
  ...settings,
  cron: described(cron, "Left out: as the node root of a Dify file says."),
  jitter: described({ type: ["string", "number"] }, 'A duration ("60s") or seconds, up to a day. Default: 0.'),
};
const optional = Object.keys(given);

export const SCHEDULE_SCHEMAS: Readonly<Record<string, JsonObject>> = {
  Schedule: shape(schedule),
  SchedulePage: shape({ data: list(ref("Schedule")), next_cursor: nullable(text) }),
  ScheduleFire: shape({
    due_at: described(time, "The time by its rule; of a start by hand, when it was asked for."),
    outcome: choice("started", "triggered", "skipped", "missed", "failed"),
    until: described(nullable(time), "Of several times that were missed, the last one."),
    run: nullable(text),
    error,
    fired_at: time,
  }),
  ScheduleDetail: shape({
    ...schedule,
    next: described(list(time), "The next five times."),
    fires: described(list(ref("ScheduleFire")), "What became of its times, the newest first; 50 are kept."),
  }),
  NewSchedule: shape(
    given,
    optional.filter((name) => name !== "name" && name !== "workflow"),
  ),
  ScheduleChange: shape(given, optional),
  SchedulePreviewRequest: shape(
    {
      cron,
      zone,
      after: described(time, "Times behind it. Default: now."),
      count: described({ ...whole, minimum: 1, maximum: 100 }, "Default: 5."),
    },
    ["zone", "after", "count"],
  ),
  SchedulePreview: shape({ cron: text, zone: text, times: list(time) }),
  ScheduleTriggered: shape({
    run: text,
    created: described(flag, "False: the idempotency key has begun it before."),
  }),
};

export const SCHEDULE_OPERATIONS: Operations = {
  "GET /api/schedules": {
    id: "listSchedules",
    summary: "Schedules by name.",
    tag: "schedules",
    parameters: [
      query("limit", { ...whole, minimum: 1, maximum: 200, default: 200 }, "Entries of a page."),
      query("cursor", text, "The next_cursor of the page before."),
    ],
    answers: { "200": json("A page of them.", "SchedulePage") },
    problems: [400],
  },
  "POST /api/schedules": {
    id: "createSchedule",
    summary: "Makes a schedule: runs of a workflow begin by themselves at its times.",
    tag: "schedules",
    body: jsonBody(ref("NewSchedule")),
    answers: { "201": json("The schedule.", "Schedule") },
    problems: [400, 404, 409, 415, 422, 503],
  },
  "POST /api/schedules/preview": {
    id: "previewSchedule",
    summary: "The next times of a rule, without a schedule.",
    tag: "schedules",
    body: jsonBody(ref("SchedulePreviewRequest")),
    answers: { "200": json("The times.", "SchedulePreview") },
    problems: [400, 415, 422],
  },
  "GET /api/schedules/{id}": {
    id: "getSchedule",
    summary: "A schedule by its id or name, with its next times and what became of its last ones.",
    tag: "schedules",
    answers: { "200": json("The schedule.", "ScheduleDetail") },
    problems: [404],
  },
  "PATCH /api/schedules/{id}": {
    id: "updateSchedule",
    summary: "Changes what is given; the rest stays. Another rule counts from now on.",
    tag: "schedules",
    body: jsonBody(ref("ScheduleChange")),
    answers: { "200": json("The schedule.", "Schedule") },
    problems: [400, 404, 409, 415, 422, 503],
  },
  "DELETE /api/schedules/{id}": {
    id: "removeSchedule",
    summary: "Removes a schedule. Its runs stay.",
    tag: "schedules",
    answers: { "204": { description: "It is gone." } },
    problems: [404],
  },
  "POST /api/schedules/{id}/pause": {
    id: "pauseSchedule",
    summary: "No run begins by it until it is resumed.",
    tag: "schedules",
    answers: { "200": json("The schedule.", "Schedule") },
    problems: [404],
  },
  "POST /api/schedules/{id}/resume": {
    id: "resumeSchedule",
    summary: "Goes on with the first time from now on; what passed meanwhile is not caught up.",
    tag: "schedules",
    answers: { "200": json("The schedule.", "Schedule") },
    problems: [404],
  },
  "POST /api/schedules/{id}/trigger": {
    id: "triggerSchedule",
    summary: "Begins a run of it now, also while it is paused.",
    tag: "schedules",
    parameters: [header("Idempotency-Key", text, "A repeat with the same key is the same run, for 24 hours.")],
    answers: { "202": json("The run.", "ScheduleTriggered") },
    problems: [400, 404, 422, 503],
  },
};
