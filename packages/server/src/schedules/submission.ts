import type { JsonObject } from "@weftwork/core";
import type { RunSubmission } from "@weftwork/sdk";
import type { Settings } from "./read.ts";
import { textOf } from "./view.ts";

/** The run that a schedule begins. What it was begun by is in its metadata, beside what the schedule gives. */
export function submissionOf(settings: Settings, origin: JsonObject): RunSubmission {
  const { workflow, version, root, inputs, priority, metadata, name } = settings;
  return {
    workflow,
    inputs,
    metadata: { ...metadata, trigger: "schedule", schedule_name: name, ...origin },
    ...(version === null ? {} : { version }),
    ...(root === null ? {} : { root }),
    ...(priority === null ? {} : { priority }),
  };
}

/**
 * The id of the run of one time of a schedule. It makes the start repeatable without end: two processes that begin it, or
 * one that begins it again after a crash, begin one run.
 */
export function runIdOf(schedule: string, due: number): string {
  return `${schedule}:${textOf(due).replace(".000Z", "Z")}`;
}
