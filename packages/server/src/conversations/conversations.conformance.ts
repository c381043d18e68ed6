import { afterAll, beforeAll, expect, test } from "vitest";
import type { JsonObject } from "@weftwork/core";
import type { OpenTestDatabase, TestDatabase } from "../db/database.testing.ts";
import { WAITING_MAX, type Conversation, type MessageEnd, type NewMessage } from "./conversations.ts";
import { historyOf } from "./history.ts";
import { conversationStore } from "./store.ts";

/** What the store of conversations promises, on every database. */
export function conversationsConformance(open: OpenTestDatabase): void {
  let under: TestDatabase;
  let store: ReturnType<typeof conversationStore>;
  let count = 0;
  beforeAll(async () => {
    under = await open();
    store = conversationStore(under.database);
  });
  afterAll(() => under.close());

  const made = async (more: Partial<Conversation> = {}): Promise<Conversation> => {
    const id = `conv_${++count}`;
    const conversation: Conversation = {
      tenant: "acme",
      id,
      app: "chat",
      user: null,
      name: null,
      variables: { count: 0, name: "" },
      activeRun: null,
      createdAt: 1000 + count,
      updatedAt: 1000 + count,
      ...more,
    };
    await store.create(conversation);
    return conversation;
  };
  const asked = ({ tenant, id }: Conversation, more: Partial<NewMessage> = {}): NewMessage => ({
    tenant,
    id: `msg_${++count}`,
    conversation: id,
    run: `run_${count}`,
    query: "what?",
    inputs: { tone: "kind" },
    files: [{ id: "file" }],
    user: "ann",
    createdAt: 5000 + count,
    ...more,
  });
  const ended = (answer: string, variables: JsonObject = {}): MessageEnd => ({
    status: "succeeded",
    answer,
    answerFiles: [{ url: "x" }],
    error: null,
    variables,
    finishedAt: 9000 + count,
  });
  const alone = { mayWait: false };

  test("a conversation is found as it was made, by its tenant alone", async () => {
    const conversation = await made({ user: "ann", name: "About it" });
    expect(await store.find("acme", conversation.id)).toEqual(conversation);
    // A second one under its id changes nothing.
    expect(await store.create({ ...conversation, app: "other", variables: {} })).toEqual(conversation);
    expect(await store.find("other", conversation.id)).toBeNull();
    expect(await store.find("acme", "a\0b")).toBeNull();
    expect(await store.remove("other", conversation.id)).toBe(false);
  });

  test("a message runs, is answered once, and changes the variables with its answer", async () => {
    const conversation = await made();
    const message = asked(conversation);
    const added = await store.add(message, alone);
    expect(added).toEqual({
      ...message,
      position: 1,
      status: "running",
      answer: "",
      answerFiles: [],
      error: null,
      finishedAt: null,
    });
    expect((await store.find("acme", conversation.id))!.activeRun).toBe(message.run);
    const end = ended("that", { count: 1 });
    expect(await store.settle("acme", message.run, end)).toEqual({ settled: true, next: null });
    // A second time, whatever it says, nothing happens.
    const again = await store.settle("acme", message.run, ended("other", { count: 9 }));
    expect(again).toEqual({ settled: false, next: null });
    expect(await store.byRun("acme", message.run)).toMatchObject({ status: "succeeded", answer: "that" });
    expect(await store.find("acme", conversation.id)).toMatchObject({
      variables: { count: 1, name: "" },
      activeRun: null,
      updatedAt: end.finishedAt,
    });
  });

  test("a failure is kept with its reason", async () => {
    const conversation = await made();
    const message = asked(conversation);
    await store.add(message, alone);
    const error = { code: "STEP_FAILED", message: "it failed", retryable: false };
    await store.settle("acme", message.run, { ...ended(""), status: "failed", error });
    expect(await store.message("acme", conversation.id, message.id)).toMatchObject({ status: "failed", error });
    expect(await store.message("acme", "conv_other", message.id)).toBeNull();
  });

  test("a second message is refused or waits, and gets its turn in order", async () => {
    const conversation = await made();
    const [first, second, third] = [asked(conversation), asked(conversation), asked(conversation)];
    await store.add(first, alone);
    await expect(store.add(second, alone)).rejects.toMatchObject({
      code: "CONVERSATION_BUSY",
      details: { conversation: conversation.id, run: first.run },
    });
    expect(await store.add(second, { mayWait: true })).toMatchObject({ status: "queued", position: 2 });
    expect(await store.add(third, { mayWait: true })).toMatchObject({ status: "queued", position: 3 });
    // One that waits cannot be settled before its turn.
    expect(await store.settle("acme", third.run, ended("x"))).toEqual({ settled: false, next: null });
    const { next } = await store.settle("acme", first.run, ended("a"));
    expect(next).toMatchObject({ run: second.run, status: "running" });
    expect((await store.find("acme", conversation.id))!.activeRun).toBe(second.run);
    expect((await store.settle("acme", second.run, ended("b"))).next).toMatchObject({ run: third.run });
    await store.settle("acme", third.run, ended("c"));
    const messages = await store.messages("acme", conversation.id, { behind: 1, limit: 10 });
    expect(messages.map(({ position, answer }) => [position, answer])).toEqual([
      [2, "b"],
      [3, "c"],
    ]);
  });

  test("no more messages wait than there is room for", async () => {
    const conversation = await made();
    for (let i = 0; i <= WAITING_MAX; i++) await store.add(asked(conversation), { mayWait: true });
    await expect(store.add(asked(conversation), { mayWait: true })).rejects.toMatchObject({
      code: "CONVERSATION_BUSY",
    });
  });

  test("of many that come at once exactly one runs, and their positions have no gap", async () => {
    const conversation = await made();
    const messages = Array.from({ length: 8 }, () => asked(conversation));
    const refused = await Promise.allSettled(messages.map((message) => store.add(message, alone)));
    expect(refused.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const waiting = Array.from({ length: 8 }, () => asked(conversation));
    await Promise.all(waiting.map((message) => store.add(message, { mayWait: true })));
    const all = await store.messages("acme", conversation.id, { behind: 0, limit: 20 });
    expect(all.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(all.filter(({ status }) => status === "running")).toHaveLength(1);
  });

  test("of many that settle one message at once one does", async () => {
    const conversation = await made();
    const message = asked(conversation);
    await store.add(message, alone);
    const settled = await Promise.all(
      Array.from({ length: 6 }, (_, at) => store.settle("acme", message.run, ended("x", { [`v${at}`]: at }))),
    );
    expect(settled.filter((one) => one.settled)).toHaveLength(1);
    expect(Object.keys((await store.find("acme", conversation.id))!.variables)).toHaveLength(3);
  });

  test("a message that is added twice under its id is there once; with other content it is refused", async () => {
    const conversation = await made();
    const message = asked(conversation);
    await store.add(message, alone);
    expect((await store.add({ ...message, run: "run_other" }, alone)).run).toBe(message.run);
    await expect(store.add({ ...message, query: "other" }, alone)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    await expect(store.add(asked({ ...conversation, id: "none" }), alone)).rejects.toMatchObject({
      code: "CONVERSATION_NOT_FOUND",
    });
  });

  test("a message that is withdrawn was never there", async () => {
    const conversation = await made();
    const [first, second] = [asked(conversation), asked(conversation)];
    await store.add(first, alone);
    expect(await store.withdraw("acme", first.run)).toEqual({ settled: true, next: null });
    expect(await store.byRun("acme", first.run)).toBeNull();
    expect(await store.add(second, alone)).toMatchObject({ position: 1, status: "running" });
  });

  test("the list has those touched last first, in pages, of one app and one user", async () => {
    const tenant = "lists";
    for (const [at, user] of ["ann", "bob", "ann"].entries())
      await made({ tenant, user, app: at === 2 ? "other" : "chat", updatedAt: 50 + at });
    const times = async (query: Parameters<typeof store.list>[1]): Promise<number[]> =>
      (await store.list(tenant, query)).map(({ updatedAt }) => updatedAt);
    expect(await times({ limit: 10 })).toEqual([52, 51, 50]);
    const [first] = await store.list(tenant, { limit: 1 });
    expect(await times({ limit: 10, behind: first! })).toEqual([51, 50]);
    expect(await times({ limit: 10, user: "ann" })).toEqual([52, 50]);
    expect(await times({ limit: 10, app: "chat" })).toEqual([51, 50]);
  });

  test("what is removed is gone with its messages, and settling finds nothing", async () => {
    const conversation = await made();
    const message = asked(conversation);
    await store.add(message, alone);
    expect(await store.remove("acme", conversation.id)).toBe(true);
    expect(await store.remove("acme", conversation.id)).toBe(false);
    expect(await store.messages("acme", conversation.id, { behind: 0, limit: 5 })).toEqual([]);
    expect(await store.settle("acme", message.run, ended("x"))).toEqual({ settled: false, next: null });
  });

  test("the history of a message is what was answered before it: the newest rounds, oldest first", async () => {
    const conversation = await made();
    for (const answer of ["one", "", "three", "four"]) {
      const message = asked(conversation, { query: `ask ${answer}` });
      await store.add(message, alone);
      await store.settle("acme", message.run, ended(answer));
    }
    const now = asked(conversation);
    await store.add(now, alone);
    const said = async (rounds: number): Promise<string[]> =>
      (await historyOf(store, "acme", now.run, rounds)).map(({ role, content }) => `${role}: ${content}`);
    expect(await said(2)).toEqual(["user: ask three", "assistant: three", "user: ask four", "assistant: four"]);
    expect((await said(50)).length).toBe(6);
    expect(await said(0)).toEqual([]);
    expect(await historyOf(store, "acme", "run_none", 5)).toEqual([]);
  });
}
