import { expect, test } from "vitest";
import { modelCatalog } from "../gateway/catalog.ts";
import type { Model, ModelPart } from "../gateway/model.ts";
import type { ModelCall } from "./engine-metrics.ts";
import { meteredModels } from "./metered-models.ts";

const USAGE = { input_tokens: 3, output_tokens: 2, total_tokens: 5 };
const FINISH: ModelPart = { type: "finish", usage: USAGE, finishReason: "stop", fingerprint: "f" };
const delta = (text: string): ModelPart => ({ type: "text_delta", text });

/** A model that yields these, each after a second of the clock; an error is thrown. */
function metered(parts: readonly (ModelPart | Error)[]) {
  let now = 0;
  const calls: ModelCall[] = [];
  const model: Model = {
    id: "m",
    provider: "p",
    abilities: { media: ["image"], tools: true },
    generate: () => Promise.reject(new Error("down")),
    async *stream() {
      for (const part of parts) {
        now += 1000;
        if (part instanceof Error) throw part;
        yield part;
      }
    },
  };
  const catalog = meteredModels(
    modelCatalog([model], { aliases: { other: "m" } }),
    (call) => calls.push(call),
    () => now,
  );
  return { catalog, calls, model: catalog.get("m") };
}

async function read(
  model: Model,
  signal = new AbortController().signal,
  most = Infinity,
): Promise<readonly ModelPart[]> {
  const seen: ModelPart[] = [];
  for await (const part of model.stream({ messages: [] }, { signal })) {
    seen.push(part);
    if (seen.length >= most) break;
  }
  return seen;
}

test("a whole answer passes as it is, with its time, its first part and its tokens", async () => {
  const parts: readonly ModelPart[] = [{ type: "text_start" }, delta("a"), delta("b"), { type: "text_end" }, FINISH];
  const { model, calls, catalog } = metered(parts);
  expect(await read(model)).toEqual(parts);
  expect(calls).toEqual([
    { provider: "p", model: "m", status: "succeeded", seconds: 5, firstSeconds: 2, usage: USAGE },
  ]);
  expect([model.id, model.provider, model.abilities]).toEqual(["m", "p", { media: ["image"], tools: true }]);
  expect(catalog.get("other")).toBe(model);
});

test("a failure is thrown as it is, and one that broke off counts as failed", async () => {
  const broken = new Error("cut");
  const thrown = metered([delta("a"), broken]);
  await expect(read(thrown.model)).rejects.toBe(broken);
  const cut = metered([delta("a")]);
  await read(cut.model);
  const refused = metered([]);
  await expect(refused.model.generate({ messages: [] }, { signal: new AbortController().signal })).rejects.toThrow(
    "down",
  );
  for (const { calls } of [thrown, cut, refused]) expect(calls).toMatchObject([{ status: "failed", usage: null }]);
});

test("what its caller no longer wants is cancelled, and is told once", async () => {
  const stop = new AbortController();
  const { model, calls } = metered([delta("a"), delta("b"), FINISH]);
  stop.abort();
  await read(model, stop.signal, 1);
  expect(calls).toMatchObject([{ status: "cancelled", firstSeconds: 1 }]);
});
