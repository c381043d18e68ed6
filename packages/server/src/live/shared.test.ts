import type { Json } from "@weftwork/core";
import { afterEach, expect, test } from "vitest";
import { Exchange } from "./exchange.ts";
import { until } from "./live.conformance.ts";
import { jsonCodec, sharedLive } from "./shared.ts";
import type { OpenWire, WireEvents } from "./wire.ts";

const processes = new Map<string, WireEvents>();
const wire: OpenWire = (process, events) => {
  processes.set(process, events);
  queueMicrotask(() => events.up());
  return {
    bytesMax: 1000,
    pauseMs: 1,
    send(envelopes) {
      for (const { to, text } of envelopes)
        for (const [name, { received }] of processes)
          if (to === null || to === name) queueMicrotask(() => received(text));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
};

const [one, two] = ["one", "two"].map((process) => new Exchange({ process, wire })) as [Exchange, Exchange];
afterEach(async () => void (await Promise.all([one.close(), two.close()])));

test("whatever JSON can say is heard in another process, a bell that carries nothing too", async () => {
  const [from, at] = [one, two].map((exchange) => sharedLive({ exchange, prefix: "s/", codec: jsonCodec<Json>() }));
  const heard: Json[] = [];
  let missed = 0;
  at!.subscribe(
    "bell",
    (message) => heard.push(message),
    () => (missed += 1),
  );
  await until(() => one.isWanted("s/bell"), "the listener is known");
  const before = missed;
  const told: readonly Json[] = [null, 0, false, "", [], { ring: null }];
  for (const message of told) from!.publish("bell", message);
  await until(() => heard.length + missed - before >= told.length, "all has come");
  expect(heard).toEqual(told);
  expect(missed).toBe(before);
});
