import { afterEach, describe, expect, test } from "vitest";
import type { JsonObject } from "@weftwork/core";
import { Answer, chatBench, type ChatBench } from "./chat.ts";

let bench: ChatBench | null = null;
afterEach(async () => {
  await bench?.close();
  bench = null;
});

/** Says something and reads the whole stream of the run that answers. */
async function told(name: string, query: string): Promise<{ answer: Answer; events: string[]; outputs: JsonObject }> {
  const id = await bench!.begin(name);
  const { run_id: run } = await bench!.weft.conversations.send(id, { query });
  const answer = new Answer();
  const events: string[] = [];
  for await (const message of bench!.weft.runs.events(run)) {
    answer.take(message);
    events.push(message.event);
  }
  return { answer, events, outputs: (await bench!.weft.runs.get(run))!.outputs as JsonObject };
}

describe("an answer streams", () => {
  test("before its model has finished, and the words before the model at once", async () => {
    const gate = Promise.withResolvers<void>();
    bench = await chatBench([
      { when: "slow", answer: { text: ["S1 ", gate.promise, "S2"] } },
      { when: "fast", answer: { text: "F" } },
    ]);
    const { weft } = bench;
    const id = await bench.begin("parallel");
    const { run_id: run } = await weft.conversations.send(id, { query: "it" });
    const answer = new Answer();
    const seen: string[] = [];
    for await (const message of weft.runs.events(run)) {
      answer.take(message);
      if (message.event === "task_completed") seen.push(`+${String(message.data["node"])}`);
      // Only what has reached a reader opens the gate: the model cannot have finished.
      if (answer.text.includes("S1") && seen.includes("+fast")) gate.resolve();
      if (message.event === "answer_delta") seen.push(String(message.data["text"]));
    }
    expect(answer.text).toBe("You ask it: S1 S2 | F");
    // The words and the question come while the start node still works.
    expect(seen.slice(0, 4)).toEqual(["You ask ", "it", ": ", "+start"]);
    expect(seen.indexOf("S1 ")).toBeLessThan(seen.indexOf("+slow"));
    // The faster model waits for its turn.
    expect(seen.indexOf("+fast")).toBeLessThan(seen.indexOf("F"));
    expect(seen.indexOf("S2")).toBeLessThan(seen.indexOf("F"));
    expect((await weft.runs.get(run))!.outputs).toMatchObject({ answer: "You ask it: S1 S2 | F" });
  });

  test("of the branch that is taken, and nothing of a node that is skipped", async () => {
    bench = await chatBench([
      { when: "add", answer: { json: { category_id: "2", category_name: "sums", class_id: "2" } } },
      { answer: { json: { category_id: "1", category_name: "words", class_id: "1" } } },
    ]);
    const words = await told("branch", "tell");
    expect(words.answer.text).toBe("words of tell (words)");
    const sums = await told("branch", "add");
    expect(sums.answer.text).toBe("[] sums");
    // Only there the stream and the output differ.
    expect(sums.outputs["answer"]).toBe("[words.output] sums");
  });

  test("once for each item and round, in order", async () => {
    bench = await chatBench({ text: "-" });
    const { answer, outputs } = await told("rounds", "go");
    expect(answer.text).toBe("0a 1b 2c n=2 n=3 done");
    expect(outputs["answer"]).toBe(answer.text);
  });

  test("without what an attempt said that was repeated", async () => {
    bench = await chatBench([
      { nth: 1, answer: { fault: "cut", text: "half of it will be lost" } },
      { answer: { text: "whole" } },
    ]);
    const { answer, events, outputs } = await told("retry", "go");
    expect(answer.text).toBe("<whole>");
    expect(outputs["answer"]).toBe("<whole>");
    // Some of the first attempt was seen, and taken back.
    expect(answer.pieces.some((piece) => /^-\d+$/.test(piece))).toBe(true);
    expect(events).toContain("attempt_superseded");
  });

  test("again from any of its pieces, without gap and repeat", async () => {
    bench = await chatBench({ text: ["one ", "two ", "three"] });
    const id = await bench.begin("parallel");
    const { run_id: run } = await bench.weft.conversations.send(id, { query: "it" });
    await bench.weft.runs.wait(run);
    const all = [];
    for await (const message of bench.weft.runs.events(run)) all.push(message);
    const whole = new Answer();
    for (const message of all) whole.take(message);
    expect(whole.text).toBe("You ask it: one two three | one two three");
    for (const [at, { id: after }] of all.entries()) {
      const answer = new Answer();
      for (const message of all.slice(0, at + 1)) answer.take(message);
      for await (const message of bench.weft.runs.events(run, { after })) answer.take(message);
      expect(answer.text).toBe(whole.text);
    }
  });
});

describe("the steps of a chat app that ask a model", () => {
  test("take the first class where the model names none", async () => {
    bench = await chatBench({ text: "I cannot say" });
    expect((await told("branch", "hm")).answer.text).toBe("words of hm (words)");
  });

  test("extract what is there, and say what is missing", async () => {
    bench = await chatBench([
      { when: "Rome", answer: { json: { city: "Rome", people: 2 } } },
      { answer: { text: "nothing" } },
    ]);
    expect((await told("extract", "Rome for two")).answer.text).toBe("Rome/2/1/");
    expect((await told("extract", "hm")).answer.text).toMatch(/^\/0\/0\/\S.*/);
  });

  test("give an object, or go the way of failures", async () => {
    bench = await chatBench([{ when: "good", answer: { json: { city: "Rome" } } }, { answer: { text: "no object" } }]);
    expect((await told("structured", "good")).answer.text).toBe("city Rome");
    const { answer, outputs } = await told("structured", "bad");
    expect(answer.text).toMatch(/^failed \w+: ./);
    expect(outputs["answer"]).toBe(answer.text);
  });

  test("complete a prompt with context and memory, and keep thoughts apart", async () => {
    bench = await chatBench({
      text: ["<think>", "hm</th", "ink>\n\nfine", " so"],
      usage: { input_tokens: 7, output_tokens: 5 },
    });
    const id = await bench.begin("completion");
    expect((await bench.say(id, "noon")).answer).toBe("fine so [hm] stop 12");
    const { run_id: run } = await bench.say(id, "late");
    const body = bench.models.requests[1]!.body;
    expect(body).toMatchObject({ max_tokens: 100, stop: ["END"] });
    expect(body["messages"]).toEqual([
      { role: "user", content: "Facts: It is late.\nUser: noon\nBot: fine so [hm] stop 12\nUser: late" },
    ]);
    const thoughts = [];
    for await (const { event, data } of bench.weft.runs.events(run))
      if (event === "reasoning_delta") thoughts.push(data["text"]);
    expect(thoughts.join("")).toBe("hm");
  });

  test("render prompts as Jinja2, and leave out messages without text", async () => {
    bench = await chatBench({ text: "so" });
    const id = await bench.begin("jinja");
    await bench.say(id, "who");
    expect(bench.models.requests[0]!.body["messages"]).toEqual([
      { role: "system", content: "Greet ann bob now." },
      { role: "user", content: "hello" },
      { role: "assistant", content: "hi" },
      { role: "user", content: "Q: who" },
    ]);
  });

  test("fail with the kinds of failures that the other system has", async () => {
    bench = await chatBench([
      { when: "forbidden", answer: { status: 401, message: "no such key" } },
      { answer: { status: 400, message: "what?" } },
    ]);
    expect((await told("structured", "forbidden")).answer.text).toMatch(/^failed InvokeAuthorizationError: /);
    expect((await told("structured", "bad")).answer.text).toMatch(/^failed InvokeBadRequestError: /);
  });

  test("show the files of the question to the model", async () => {
    bench = await chatBench({ text: "a dot" });
    const bytes = Buffer.from("iVBORw0KGgoAAAANSUhEUg==", "base64");
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes;
    }
    const { value } = await bench.weft.files.put({ name: "dot.png", mimeType: "image/png" }, source());
    const id = await bench.begin("vision");
    const sent = await bench.weft.conversations.send(id, { query: "what is it", files: [{ id: value.id }] });
    await bench.weft.runs.wait(sent.run_id);
    const body = bench.models.requests[0]!.body["messages"] as readonly JsonObject[];
    expect(JSON.stringify(body)).toContain(`data:image/png;base64,${bytes.toString("base64")}`);
    expect(JSON.stringify(body)).toContain('"detail":"low"');
    expect((await bench.weft.conversations.messages(id)).data[0]).toMatchObject({
      answer: "a dot",
      files: [{ filename: "dot.png", related_id: value.id, type: "image", extension: ".png" }],
    });
    const none = bench.weft.conversations.send(id, { query: "x", files: [{ id: "file-none" }] });
    await expect(none).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  test("show the files that a prompt refers to in a message behind it, with those of the question", async () => {
    bench = await chatBench({ text: "seen" });
    const id = await bench.begin("shown");
    const at = (name: string): JsonObject => ({ type: "image", url: `https://files.example/${name}.png` });
    const sent = { query: "q", inputs: { plan: at("plan") }, files: [at("photo")] };
    await bench.weft.runs.wait((await bench.weft.conversations.send(id, sent)).run_id);
    const image = (name: string): JsonObject => ({
      type: "image_url",
      image_url: { url: `https://files.example/${name}.png`, detail: "high" },
    });
    expect(bench.models.requests[0]!.body["messages"]).toEqual([
      { role: "user", content: "See the plan" },
      { role: "user", content: [image("photo"), image("plan")] },
    ]);
  });
});
