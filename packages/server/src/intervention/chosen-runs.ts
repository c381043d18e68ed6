import { AppError } from "@weftwork/core";
import type { OperationRequest, RunStatus } from "@weftwork/sdk";
import type { Journal } from "../journal/journal.ts";
import { selectRuns, type SelectedRuns } from "../runtime/select-runs.ts";
import { QUARANTINED, type DeadLetters } from "./dead-letters.ts";

export interface ChoiceOptions {
  readonly journal: Pick<Journal, "find">;
  readonly deadLetters: Pick<DeadLetters, "page">;
  readonly tenant: string;
}

export interface ChosenRuns {
  readonly runs: readonly string[];
  readonly nextCursor: string | null;
}

const OPEN: readonly RunStatus[] = ["pending", "running", "waiting"];
const ENDED: readonly RunStatus[] = ["succeeded", "failed", "cancelled"];

/** A page of the runs that an operation is for, in an order that does not change while it works on them. */
export async function chosenRuns(
  options: ChoiceOptions,
  request: OperationRequest,
  cursor: string | null,
  limit: number,
): Promise<ChosenRuns> {
  if (request.ids !== undefined) {
    const from = cursor === null ? 0 : Number(cursor);
    const to = from + limit;
    return { runs: request.ids.slice(from, to), nextCursor: to < request.ids.length ? String(to) : null };
  }
  const { runs, nextCursor } = await selected(options, request, cursor, limit);
  return { runs: runs.map(({ id }) => id), nextCursor };
}

function selected(
  { journal, deadLetters, tenant }: ChoiceOptions,
  { action, filter = {} }: OperationRequest,
  cursor: string | null,
  limit: number,
): Promise<SelectedRuns> {
  const { status, workflow, error_code, quarantined, created_after, created_before, metadata } = filter;
  const query = {
    limit,
    ...(workflow === undefined ? {} : { workflow }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(created_after === undefined ? {} : { createdAfter: Date.parse(created_after) }),
    ...(created_before === undefined ? {} : { createdBefore: Date.parse(created_before) }),
    ...(cursor === null ? {} : { cursor }),
  };
  if (isForDeadLetters(action)) {
    return deadLetters.page({
      ...query,
      ...(error_code === undefined ? {} : { errorCode: error_code }),
      ...(quarantined === undefined ? {} : { quarantined }),
    });
  }
  const code = quarantined === true ? QUARANTINED : error_code;
  return selectRuns(journal, {
    ...query,
    tenant,
    status: status ?? (action === "cancel" ? OPEN : ENDED),
    ...(code === undefined ? {} : { errorCode: code }),
  });
}

export function isForDeadLetters(action: OperationRequest["action"]): boolean {
  return action === "retry" || action === "discard";
}

/** Throws `INVALID_REQUEST` for an operation that says too little, or two things at once. */
export function checkRequest(request: OperationRequest): void {
  const { action, filter, ids, step, scope, inputs, version, reason } = request;
  const refuse = (why: string): never => {
    throw new AppError("INVALID_REQUEST", { reason: why });
  };
  if ((filter === undefined) === (ids === undefined))
    refuse("an operation is for the runs of a filter or for those in ids; give one of the two");
  if (action === "rerun" && step === undefined) refuse("a rerun begins at a step; give step");
  if (action !== "rerun" && (step !== undefined || scope !== undefined)) refuse("step and scope are for rerun");
  if (action !== "rerun" && action !== "retry" && (inputs !== undefined || version !== undefined))
    refuse("inputs and version are for retry and rerun");
  if (action !== "cancel" && action !== "discard" && reason !== undefined) refuse("reason is for cancel and discard");
  if (isForDeadLetters(action) && filter?.status !== undefined)
    refuse(`${action} is for dead letters, which have all failed; leave status out`);
  if (action === "cancel" && filter?.status?.some((one) => !OPEN.includes(one)) === true)
    refuse(`cancel is for open runs; status may be ${OPEN.join(", ")}`);
}
