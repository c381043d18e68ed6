import type { JsonObject } from "@weftwork/core";
import { OPERATION_ACTIONS } from "@weftwork/sdk";
import { anyObject, choice, described, flag, list, mapOf, nullable, ref, shape, text, time, whole } from "./schema.ts";

const letter = {
  id: described(text, "Of the run."),
  workflow: text,
  version: text,
  priority: ref("Priority"),
  metadata: anyObject,
  error_code: nullable(text),
  quarantined: described(flag, "Set aside because it was open at too many crashes."),
  state: described(choice("open", "retried", "discarded"), "Lists show the open ones."),
  retry: described(
    nullable(shape({ run: text, status: nullable(ref("RunStatus")) })),
    "The newest run that took over; null: none has.",
  ),
  retries: described(whole, "How many have taken over so far."),
  reason: described(nullable(text), "Why it was discarded."),
  created_at: time,
  started_at: nullable(time),
  failed_at: time,
  links: ref("RunLinks"),
};

const filter = shape(
  {
    status: list(ref("RunStatus")),
    workflow: text,
    error_code: text,
    quarantined: flag,
    created_after: time,
    created_before: described(time, "Left out: when the operation was asked for."),
    metadata: mapOf(text),
  },
  ["status", "workflow", "error_code", "quarantined", "created_after", "created_before", "metadata"],
);

const action = choice(...OPERATION_ACTIONS);
const given = {
  action,
  filter,
  ids: described(list(text), "Up to 10,000 runs, in the place of a filter."),
  dry_run: described(flag, "Only count."),
  reason: described(text, "For cancel and discard."),
  step: described(text, "For rerun: where to begin."),
  scope: text,
  inputs: described(anyObject, "For retry and rerun: inputs to be replaced in each run."),
  version: described(text, "For retry and rerun."),
  rate: described({ type: "number" }, "Runs a second at most; left out: 50."),
};

/** The resources by which an operator steps in. */
export const INTERVENTION_SCHEMAS: Readonly<Record<string, JsonObject>> = {
  DeadLetter: shape(letter),
  DeadLetterPage: shape({ data: list(ref("DeadLetter")), next_cursor: nullable(text) }),
  DeadLetterDetail: shape({
    ...letter,
    inputs: described(nullable(anyObject), "Null where the record of the run cannot be read."),
    error: nullable(ref("RunError")),
    failed_step: described(nullable(ref("RunStep")), "With its resolved input and its tries."),
    steps: described(list(ref("RunStep")), "Of the root, with what they gave so far."),
    damaged: described(nullable(text), "Why the record cannot be read."),
  }),
  OperationRequest: {
    ...shape(
      given,
      Object.keys(given).filter((name) => name !== "action"),
    ),
    additionalProperties: false,
  },
  OperationPreview: shape({
    dry_run: { type: "boolean", enum: [true] },
    action,
    total: whole,
    exact: described(flag, "False: there may be more."),
    sample: described(list(text), "The first of them."),
  }),
  Operation: shape({
    id: text,
    action,
    filter: nullable(filter),
    id_count: described(nullable(whole), "How many runs were named; null: they are chosen by the filter."),
    status: choice("pending", "running", "aborting", "succeeded", "aborted", "failed"),
    total: described(nullable(whole), "As counted before the first; null until then."),
    done: whole,
    failed: whole,
    skipped: described(whole, "Nothing was left to do when their turn came."),
    errors: described(list(shape({ run: text, code: text, message: text })), "The first 100."),
    reason: nullable(text),
    rate: { type: "number" },
    created_at: time,
    started_at: nullable(time),
    finished_at: nullable(time),
    error: described(nullable(shape({ code: text, message: text })), "Why the whole of it failed."),
    links: shape({ self: text, abort: text }),
  }),
  OperationPage: shape({ data: list(ref("Operation")), next_cursor: nullable(text) }),
};
