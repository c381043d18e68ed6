import type { RunMessage } from "@weftwork/sdk";
import { WeftClient } from "@weftwork/sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { said, served, telling, type Served } from "./served.ts";

let server: Served;
beforeEach(async () => void (server = await served()));
afterEach(() => server.close());

/** The text of a step as a reader puts it together. */
function textOf(messages: readonly RunMessage[], node: string): string {
  let text = "";
  for (const { event, data } of messages) {
    if (data["node"] !== node) continue;
    if (event === "attempt_superseded") text = "";
    if (event === "text_delta") {
      expect(data["offset"]).toBe(text.length);
      text += String(data["text"]);
    }
  }
  return text;
}

async function followed(id: string): Promise<RunMessage[]> {
  const messages: RunMessage[] = [];
  for await (const message of new WeftClient({ baseUrl: server.url }).stream(id)) messages.push(message);
  return messages;
}

test("a step that fails midway and is retried marks what it had said, and its last text is the recorded value (F67)", async () => {
  await server.weft.workflows.publish(
    telling("retried", { count: 60, failsAt: 30, logs: true, retry: { attempts: 2, initial: 0.01 } }),
  );
  const { run } = await server.weft.runs.start({ workflow: "retried" });
  const live = await followed(run.id);
  const events = live.map(({ event, data }) => `${event} ${String(data["attempt"] ?? "")}`);
  const marked = events.indexOf("attempt_superseded 1");
  expect(marked).toBe(events.indexOf("task_retried 1") + 1);
  const deltas = live.map(({ event, data }, at) => ({ event, data, at })).filter(({ event }) => event === "text_delta");
  expect(deltas.filter(({ at }) => at < marked).map(({ data }) => data["attempt"])).toEqual(
    Array.from({ length: 30 }, () => 1),
  );
  expect(deltas.filter(({ at }) => at > marked).map(({ data }) => data["attempt"])).toEqual(
    Array.from({ length: 60 }, () => 2),
  );
  const completed = live.find(({ event }) => event === "task_completed");
  expect(textOf(live, "say")).toBe(completed?.data["output"]);
  expect(textOf(live, "say")).toBe(said(60, 20, 2).join(""));
  // Whoever comes later, or comes back anywhere, reads the same.
  const recorded = await followed(run.id);
  expect(recorded).toEqual(live);
  for (const at of [0, 20, marked - 1, marked, marked + 1]) {
    const rest: RunMessage[] = [];
    for await (const one of server.weft.runs.events(run.id, { after: live[at]!.id })) rest.push(one);
    expect(rest).toEqual(live.slice(at + 1));
  }
});

test("the text so far of a task begins anew with its next attempt", async () => {
  await server.weft.workflows.publish(
    telling("again", { count: 8, failsAt: 3, gate: 5, retry: { attempts: 2, initial: 0.01 } }),
  );
  const { run } = await server.weft.runs.start({ workflow: "again" });
  await server.arrived();
  expect((await server.weft.runs.task(run.id))?.partial).toEqual({ say: said(5, 20, 2).join("") });
  server.open();
  expect((await server.weft.runs.wait(run.id))?.status).toBe("succeeded");
});
