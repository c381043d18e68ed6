import { afterEach, describe, expect, test } from "vitest";
import type { JsonObject } from "@weftwork/core";
import { startModelServer } from "../../packages/server/src/testkit/model-server.ts";
import { openWeft } from "../../packages/server/src/weft.ts";
import { temporaryFolder } from "../cli/weft.ts";
import { app, chatBench, modelsOf, type ChatBench } from "./chat.ts";

let bench: ChatBench | null = null;
afterEach(async () => {
  await bench?.close();
  bench = null;
});

/** What the model was asked, as `role: text`. */
function asked(call: number): string[] {
  const messages = bench!.models.requests[call]!.body["messages"] as readonly JsonObject[];
  return messages.map(
    ({ role, content }) => `${String(role)}: ${typeof content === "string" ? content : JSON.stringify(content)}`,
  );
}

describe("a conversation", () => {
  test("gives its model what was said before, over three messages", async () => {
    bench = await chatBench([
      { when: "one", answer: { text: "first" } },
      { when: "two", answer: { text: "second" } },
      { when: "three", answer: { text: "third" } },
    ]);
    const id = await bench.begin("memory");
    for (const query of ["one", "two", "three"]) expect((await bench.say(id, query)).status).toBe("succeeded");
    expect(asked(0)).toEqual(["system: You are plain.", "user: one"]);
    expect(asked(2)).toEqual([
      "system: You are plain.",
      "user: one",
      "assistant: first (message 1)",
      "user: two",
      "assistant: second (message 2)",
      "user: three",
    ]);
    const { data } = await bench.weft.conversations.messages(id);
    expect(data.map(({ position, query, answer }) => [position, query, answer])).toEqual([
      [1, "one", "first (message 1)"],
      [2, "two", "second (message 2)"],
      [3, "three", "third (message 3)"],
    ]);
  });

  test("remembers so many questions as the window of its model step says", async () => {
    bench = await chatBench({ text: "so" });
    const windowed = app("memory").replace("enabled: false, size: 50", "enabled: true, size: 1");
    await bench.weft.workflows.publish(windowed);
    const { id } = await bench.weft.conversations.create({ workflow: "memory" });
    for (const query of ["one", "two", "three"]) await bench.say(id, query);
    expect(asked(2)).toEqual(["system: You are plain.", "user: two", "assistant: so (message 2)", "user: three"]);
  });

  test("has the start values of its variables, and keeps what its runs set", async () => {
    bench = await chatBench({ text: "so" });
    const id = await bench.begin("memory");
    expect((await bench.weft.conversations.find(id))!.variables).toEqual({ count: 0, said: [] });
    await bench.say(id, "one");
    await bench.say(id, "two");
    expect((await bench.weft.conversations.find(id))!.variables).toEqual({ count: 2, said: ["one", "two"] });
    const other = await bench.begin("memory");
    expect((await bench.weft.conversations.find(other))!.variables).toEqual({ count: 0, said: [] });
  });

  test("refuses a message while it answers another, or lets it wait for its turn", async () => {
    const gate = Promise.withResolvers<void>();
    bench = await chatBench([{ when: "one", answer: { text: ["a", gate.promise] } }, { answer: { text: "b" } }]);
    const { weft } = bench;
    const id = await bench.begin("memory");
    const first = await weft.conversations.send(id, { query: "one" });
    await expect(weft.conversations.send(id, { query: "two" })).rejects.toMatchObject({
      code: "CONVERSATION_BUSY",
      details: { run: first.run_id },
    });
    const waiting = await weft.conversations.send(id, { query: "three", queue: true });
    expect([waiting.status, waiting.position]).toEqual(["queued", 2]);
    expect(await weft.runs.get(waiting.run_id)).toBeNull();
    gate.resolve();
    await expect.poll(async () => (await weft.conversations.message(id, waiting.id))!.status).toBe("succeeded");
    expect((await weft.conversations.find(id))!.variables).toEqual({ count: 2, said: ["one", "three"] });
    expect(asked(1).slice(1)).toEqual(["user: one", "assistant: a (message 1)", "user: three"]);
  });

  test("takes a message that is sent twice under one id once", async () => {
    bench = await chatBench({ text: "so" });
    const id = await bench.begin("memory");
    const sent = await bench.weft.conversations.send(id, { query: "one", id: "mine" });
    const again = await bench.weft.conversations.send(id, { query: "one", id: "mine" });
    expect(again.run_id).toBe(sent.run_id);
    await expect(bench.weft.conversations.send(id, { query: "other", id: "mine" })).rejects.toMatchObject({
      code: "INVALID_REQUEST",
    });
    await bench.weft.runs.wait(sent.run_id);
    expect((await bench.weft.conversations.messages(id)).data).toHaveLength(1);
  });

  test("goes on when a message could not be begun, as if that had not been sent", async () => {
    bench = await chatBench({ text: "so" });
    const id = await bench.begin("memory");
    const wrong = bench.weft.conversations.send(id, { query: "one", inputs: { tone: 7 } });
    await expect(wrong).rejects.toMatchObject({ code: "INVALID_INPUTS" });
    expect((await bench.say(id, "two")).position).toBe(1);
  });

  test("does not let a sender say what the system says", async () => {
    bench = await chatBench({ text: "so" });
    const id = await bench.begin("memory");
    const inputs = { "sys.query": "forged", "conversation.count": 40, tone: "kind" };
    const { run_id: run } = await bench.weft.conversations.send(id, { query: "one", inputs });
    await bench.weft.runs.wait(run);
    expect(asked(0)).toEqual(["system: You are kind.", "user: one"]);
    expect((await bench.weft.conversations.find(id))!.variables).toMatchObject({ count: 1 });
  });

  test("keeps what was said by a run that was cancelled, and takes the next message", async () => {
    bench = await chatBench([
      { when: "one", answer: { text: ["so ", "far", new Promise(() => undefined)] } },
      { answer: { text: "b" } },
    ]);
    const { weft } = bench;
    const id = await bench.begin("memory");
    const { id: message, run_id: run } = await weft.conversations.send(id, { query: "one" });
    let text = "";
    for await (const { event, data } of weft.runs.events(run)) {
      if (event === "answer_delta") text += String(data["text"]);
      if (text === "so far") break;
    }
    await weft.runs.cancel(run, "enough");
    const ended = (await weft.conversations.message(id, message))!;
    expect([ended.status, ended.answer]).toEqual(["cancelled", "so far"]);
    expect((await bench.say(id, "two")).answer).toBe("b (message 2)");
  });

  test("can be removed, and its run ends", async () => {
    bench = await chatBench([{ answer: { text: ["a", new Promise(() => undefined)] } }]);
    const { weft } = bench;
    const id = await bench.begin("memory");
    const { run_id: run } = await weft.conversations.send(id, { query: "one" });
    await weft.conversations.remove(id);
    expect(await weft.conversations.find(id)).toBeNull();
    expect((await weft.runs.wait(run))!.status).toBe("cancelled");
    await expect(weft.conversations.send(id, { query: "two" })).rejects.toMatchObject({
      code: "CONVERSATION_NOT_FOUND",
    });
    await expect(weft.conversations.remove(id)).rejects.toMatchObject({ code: "CONVERSATION_NOT_FOUND" });
  });

  test("is refused with a workflow that is no chat app", async () => {
    bench = await chatBench({ text: "so" });
    await bench.weft.workflows.publish("name: plain\nsteps: [{ id: a, type: template, template: x }]");
    await expect(bench.weft.conversations.create({ workflow: "plain" })).rejects.toMatchObject({ code: "NO_CHAT" });
    await expect(bench.weft.conversations.create({ workflow: "none" })).rejects.toMatchObject({
      code: "WORKFLOW_NOT_FOUND",
    });
  });
});

test("a conversation and its variables outlive the process, and a message that it was answering is answered", async () => {
  const folder = temporaryFolder();
  const gate = Promise.withResolvers<void>();
  const models = await startModelServer({
    script: [{ when: "two", nth: 1, answer: { text: ["lost ", gate.promise] } }, { answer: { text: "so" } }],
  });
  try {
    const first = await openWeft({ store: folder.path, models: modelsOf(models) });
    await first.workflows.publish(app("memory"));
    const { id } = await first.conversations.create({ workflow: "memory" });
    const one = await first.conversations.send(id, { query: "one" });
    await first.runs.wait(one.run_id);
    const two = await first.conversations.send(id, { query: "two" });
    await models.request(2);
    await first.close({ graceMs: 0 });
    const second = await openWeft({ store: folder.path, models: modelsOf(models) });
    expect((await second.conversations.message(id, one.id))!.answer).toBe("so (message 1)");
    await second.runs.wait(two.run_id);
    expect(await second.conversations.message(id, two.id)).toMatchObject({
      status: "succeeded",
      answer: "so (message 2)",
    });
    expect((await second.conversations.find(id))!.variables).toEqual({ count: 2, said: ["one", "two"] });
    await second.close({ graceMs: 0 });
  } finally {
    gate.resolve();
    await models.close();
    folder.remove();
  }
});
