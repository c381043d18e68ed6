import type { Page, RunListItem } from "@weftwork/sdk";
import type { Journal, RunHead, RunQuery } from "../journal/journal.ts";
import { linksOf } from "./view.ts";

/** A page of runs, newest first, from what the journal knows without reading their events. */
export async function listRuns(journal: Journal, query: RunQuery): Promise<Page<RunListItem>> {
  const { runs, nextCursor } = await journal.find(query);
  return { data: runs.map(listItem), next_cursor: nextCursor };
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
