import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { conversationStore } from "../../packages/server/src/conversations/store.ts";
import { sqliteDatabase } from "../../packages/server/src/db/database-sqlite.ts";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { startModelServer, type ModelServer } from "../../packages/server/src/testkit/model-server.ts";
import { openWeft } from "../../packages/server/src/weft.ts";
import { temporaryFolder } from "../cli/weft.ts";
import { Answer, app, modelsOf } from "./chat.ts";

let models: ModelServer;
const folder = temporaryFolder();
beforeAll(async () => {
  models = await startModelServer({
    script: [
      { when: "hang", nth: 1, answer: { text: ["lost ", new Promise(() => undefined)] } },
      { answer: { text: "so" } },
    ],
  });
});
afterAll(async () => {
  await models.close();
  folder.remove();
});

describe("at its start a process", () => {
  const message = (id: string, conversation: string) => ({
    tenant: "default",
    id,
    conversation,
    run: `run_${id}`,
    query: id,
    inputs: {},
    files: [],
    user: null,
    createdAt: Date.now(),
  });

  test("begins the run of a message that was recorded without one", async () => {
    const store = join(folder.path, "unbegun");
    const first = await openWeft({ store, models: modelsOf(models) });
    await first.workflows.publish(app("memory"));
    const { id } = await first.conversations.create({ workflow: "memory" });
    await first.close({ graceMs: 0 });
    const database = await sqliteDatabase({ folder: store });
    await conversationStore(database).add(message("unbegun", id), { mayWait: false });
    await conversationStore(database).add(message("behind", id), { mayWait: true });
    await database.close();

    const second = await openWeft({ store, models: modelsOf(models) });
    await expect
      .poll(async () => (await second.conversations.messages(id)).data.map(({ answer }) => answer))
      .toEqual(["so (message 1)", "so (message 2)"]);
    expect((await second.conversations.find(id))!.variables).toEqual({ count: 2, said: ["unbegun", "behind"] });
    await second.close({ graceMs: 0 });
  });

  test("records the end of a run that nobody has recorded", async () => {
    const store = join(folder.path, "unsettled");
    const first = await openWeft({ store, models: modelsOf(models) });
    await first.workflows.publish(app("memory"));
    const { id } = await first.conversations.create({ workflow: "memory" });
    // The run ends before its message is there, so its end concerns nobody.
    const { run } = await first.runs.start({
      id: "run_late",
      workflow: "memory",
      inputs: { "sys.query": "late", "conversation.count": 6 },
    });
    await first.runs.wait(run.id);
    await first.close({ graceMs: 0 });
    const database = await sqliteDatabase({ folder: store });
    await conversationStore(database).add(message("late", id), { mayWait: false });
    await database.close();

    const second = await openWeft({ store, models: modelsOf(models) });
    await expect
      .poll(async () => (await second.conversations.find(id))!)
      .toMatchObject({ active_run: null, variables: { count: 7, said: ["late"] } });
    expect((await second.conversations.message(id, "late"))!.answer).toBe("so (message 1)");
    await second.close({ graceMs: 0 });
  });
});

const postgres = await testPostgres();
if (postgres === null) {
  test.skip("no PostgreSQL at WEFT_TEST_POSTGRES_URL or 127.0.0.1:5432: start one to run these", () => undefined);
} else {
  test("processes on one database share conversations, and one answers for another that has gone", async () => {
    const { url, drop } = await postgres.create();
    const first = await openWeft({ store: url, models: modelsOf(models), name: "first" });
    await first.workflows.publish(app("memory"));
    const { id } = await first.conversations.create({ workflow: "memory" });
    const second = await openWeft({ store: url, models: modelsOf(models), name: "second" });
    const sent = await first.conversations.send(id, { query: "hang" });
    await expect(second.conversations.send(id, { query: "other" })).rejects.toMatchObject({
      code: "CONVERSATION_BUSY",
    });
    const answer = new Answer();
    let after = "";
    for await (const message of second.runs.events(sent.run_id)) {
      answer.take(message);
      after = message.id;
      if (answer.text === "lost ") break;
    }
    await first.close({ graceMs: 0 });
    for await (const message of second.runs.events(sent.run_id, { after })) answer.take(message);
    expect(answer.text).toBe("so (message 1)");
    await expect
      .poll(async () => (await second.conversations.find(id))!)
      .toMatchObject({ active_run: null, variables: { count: 1, said: ["hang"] } });
    expect((await second.conversations.message(id, sent.id))!.answer).toBe("so (message 1)");
    await second.close({ graceMs: 0 });
    await drop();
  });
}
