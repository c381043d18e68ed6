import type { RunListItem, RunPage } from "@weftwork/sdk";
import type { RunHead, RunQuery } from "../journal/journal.ts";
import { searchRuns, type SearchOptions } from "./search.ts";
import { linksOf } from "./view.ts";

export interface RunListQuery extends RunQuery {
  /** Words, all of which stand in the inputs, the outputs or the error of the run. */
  readonly q?: string;
}

/** A page of runs, newest first, from what the journal knows without reading their events. */
export async function listRuns(options: SearchOptions, query: RunListQuery): Promise<RunPage> {
  const { q } = query;
  if (q === undefined) {
    const { runs, nextCursor } = await options.journal.find(query);
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
    created_at: timeOf(head.createdAt),
    started_at: head.startedAt === null ? null : timeOf(head.startedAt),
    finished_at: head.finishedAt === null ? null : timeOf(head.finishedAt),
    links: linksOf(head.id),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
