import { expect, test } from "vitest";
import type { Page, RunListItem, ScheduleDetail } from "../../packages/sdk/src/index.ts";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { ChildServer } from "./child.ts";

const server = await testPostgres();
const NOBODY = "http://127.0.0.1:9";
const KILLS = 4;
const JSON_TYPE = { "content-type": "application/json" };

async function ask<Answer>(child: ChildServer, method: string, path: string, body?: object): Promise<Answer> {
  const sent = body ? { headers: JSON_TYPE, body: JSON.stringify(body) } : {};
  const answer = await fetch(child.address + path, { method, ...sent });
  if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Answer;
}

/** Everything that began by the schedule, with the second that it was due in. */
async function begun(child: ChildServer): Promise<readonly { readonly due: number; readonly lateMs: number }[]> {
  const all: RunListItem[] = [];
  let cursor = "";
  do {
    const page: Page<RunListItem> = await ask(child, "GET", `/api/runs?workflow=tick&limit=200${cursor}`);
    all.push(...page.data);
    cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`;
  } while (cursor !== "");
  return all
    .map(({ metadata, created_at }) => {
      const due = Date.parse(String(metadata["due_at"]));
      return { due: due / 1000, lateMs: Date.parse(created_at) - due };
    })
    .toSorted((a, b) => a.due - b.due);
}

test.skipIf(server === null)(
  "a schedule of each second begins every one of them once, while processes are killed",
  async () => {
    const made = await server!.create();
    const children = [await ChildServer.start(made.url, NOBODY), await ChildServer.start(made.url, NOBODY)];
    try {
      await ask(children[0]!, "PUT", "/api/workflows", {
        name: "tick",
        steps: [{ id: "a", type: "template", template: "tick" }],
      });
      await ask(children[0]!, "POST", "/api/schedules", { name: "tick", workflow: "tick", cron: "* * * * * *" });
      for (let kill = 0; kill < KILLS; kill++) {
        const before = (await begun(children[0]!)).length;
        await expect
          .poll(async () => (await begun(children[0]!)).length, { timeout: 15_000, interval: 37 + 61 * kill })
          .toBeGreaterThan(before + 1);
        await children[kill % 2]!.kill();
        children[kill % 2] = await ChildServer.start(made.url, NOBODY);
      }
      const [first] = children as [ChildServer, ChildServer];
      const last = (await begun(first)).at(-1)!.due;
      await expect.poll(async () => (await begun(first)).at(-1)!.due, { timeout: 15_000 }).toBeGreaterThan(last + 2);
      const runs = await begun(first);
      const from = runs[0]!.due;
      expect(runs.map(({ due }) => due - from)).toEqual(runs.map((_, at) => at));
      // Another process takes over in 15 s.
      expect(Math.max(...runs.map(({ lateMs }) => lateMs))).toBeLessThan(15_000);
      const { fires } = await ask<ScheduleDetail>(first, "GET", "/api/schedules/tick");
      expect(new Set(fires.map(({ outcome }) => outcome))).toEqual(new Set(["started"]));
    } finally {
      await Promise.all(children.map((child) => child.kill()));
      await made.drop();
    }
  },
  120_000,
);
