import { AppError } from "@weftwork/core";
import type { RunListItem, RunPage } from "@weftwork/sdk";
import type { RunHead } from "../journal/journal.ts";
import { searchRuns, type SearchOptions } from "./search.ts";
import { isSelective, selectRuns, type RunSelection } from "./select-runs.ts";
import { linksOf } from "./view.ts";

export interface RunListQuery extends Omit<RunSelection, "keep"> {
  /** Words, all of which stand in the inputs, the outputs or the error of the run. */
  readonly q?: string;
}

/** A page of runs, newest first, from what the journal knows without reading their events. */
export async function listRuns(options: SearchOptions, query: RunListQuery): Promise<RunPage> {
  const { q } = query;
  if (q !== undefined && isSelective(query))
    throw new AppError("INVALID_REQUEST", {
      reason: "q goes neither with error_code nor with metadata; leave one out",
    });
  if (q === undefined) {
    const { runs, nextCursor } = isSelective(query)
      ? await selectRuns(options.journal, query)
      : await options.journal.find(query);
    return { data: runs.map(listItem), next_cursor: nextCursor };
  }
  const { runs, nextCursor, search } = await searchRuns(options, { ...query, q });
  return { data: runs.map(listItem), next_cursor: nextCursor, search };
}

function listItem(head: RunHead): RunListItem {
  return {
    id: head.id,
    workflow: head.workflow,
    version: head.version,
    status: head.status,
    priority: head.priority,
    metadata: head.metadata,
    error_code: head.errorCode,
    run_at: isDelayed(head) ? timeOf(head.availableAt!) : null,
    created_at: timeOf(head.createdAt),
    started_at: head.startedAt === null ? null : timeOf(head.startedAt),
    finished_at: head.finishedAt === null ? null : timeOf(head.finishedAt),
    links: linksOf(head.id),
  };
}

/** It was submitted for a later time, and nobody has taken it up yet. */
function isDelayed({ status, availableAt, createdAt }: RunHead): boolean {
  return status === "pending" && availableAt !== null && availableAt > createdAt;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
