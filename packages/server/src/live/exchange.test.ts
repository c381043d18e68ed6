import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { Exchange } from "./exchange.ts";
import { until } from "./live.conformance.ts";
import type { Envelope, OpenWire, WireEvents } from "./wire.ts";

/** A service in memory that loses what the test wants it to lose. */
class Service {
  readonly sent: Envelope[] = [];
  loses: (envelope: Envelope) => boolean = () => false;
  away = false;
  refused = 0;
  pauseMs = 5;
  private readonly processes = new Map<string, WireEvents>();

  readonly wire: OpenWire = (process, events) => {
    this.processes.set(process, events);
    queueMicrotask(() => events.up());
    const pauseMs = (): number => this.pauseMs;
    return {
      bytesMax: 1000,
      get pauseMs() {
        return pauseMs();
      },
      send: (envelopes) => {
        if (this.away) {
          this.refused += 1;
          return Promise.reject(new Error("away"));
        }
        for (const envelope of envelopes) {
          this.sent.push(envelope);
          if (this.loses(envelope)) continue;
          for (const [name, { received }] of this.processes)
            if (envelope.to === null || envelope.to === name) queueMicrotask(() => received(envelope.text));
        }
        return Promise.resolve();
      },
      close: () => {
        this.processes.delete(process);
        return Promise.resolve();
      },
    };
  };
}

const open: Exchange[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((exchange) => exchange.close()));
});

function join(service: Service, process: string): Exchange {
  const exchange = new Exchange({ process, wire: service.wire });
  open.push(exchange);
  return exchange;
}

function ear(at: Exchange, channel: string): { readonly heard: string[]; missed: number; stop(): void } {
  const it = { heard: [] as string[], missed: 0, stop: () => undefined as void };
  it.stop = at.listen(channel, { message: (text) => it.heard.push(text), missed: () => void (it.missed += 1) });
  return it;
}

async function pair(): Promise<{ service: Service; one: Exchange; two: Exchange; it: ReturnType<typeof ear> }> {
  const service = new Service();
  const [one, two] = [join(service, "one"), join(service, "two")];
  const it = ear(two, "channel");
  await until(() => one.isWanted("channel"), "the publisher knows of the listener");
  it.missed = 0;
  return { service, one, two, it };
}

const isMessage = ({ text }: Envelope): boolean => text.startsWith("m");

test("what nobody wants is not sent, and what is wanted goes to those who want it", async () => {
  const { service, one, it } = await pair();
  const three = join(service, "three");
  const before = service.sent.filter(isMessage).length;
  one.send("other", "x");
  one.send("channel", "y");
  await until(() => it.heard.length === 1, "it is heard");
  expect(service.sent.filter(isMessage).slice(before)).toMatchObject([{ to: "two" }]);
  expect(three.isWanted("nothing")).toBe(false);
});

test("one who comes later learns what is wanted, and one who leaves wants nothing any more", async () => {
  const { service, two, it } = await pair();
  const late = join(service, "late");
  await until(() => late.isWanted("channel"), "the late one knows");
  it.stop();
  await until(() => !late.isWanted("channel"), "nobody listens any more");
  ear(two, "again");
  await until(() => late.isWanted("again"), "it is wanted again");
  await two.close();
  await until(() => !late.isWanted("again"), "who has closed wants nothing");
});

test("what is urgent waits only where something was sent a moment ago, and takes along what waits", async () => {
  const { service, one, it } = await pair();
  // Behind it nothing else is on its way.
  one.send("channel", "first");
  await until(() => it.heard.length === 1, "all that was to be said is said");
  await turn();
  const began = performance.now();
  const now = vi.spyOn(performance, "now");
  try {
    service.pauseMs = 60_000;
    now.mockReturnValue(began + 30_000);
    one.send("channel", "patient");
    one.send("channel", "urgent", true);
    await until(() => it.heard.length === 3, "both are heard");
    one.send("channel", "just behind", true);
    for (let i = 0; i < 3; i++) await turn();
    expect(it.heard).toEqual(["first", "patient", "urgent"]);
    now.mockReturnValue(began + 50_000);
    one.send("channel", "later", true);
    await until(() => it.heard.length === 5, "what waited went along");
  } finally {
    now.mockRestore();
  }
});

test("a frame that is lost is noticed with the next one", async () => {
  const { service, one, it } = await pair();
  service.loses = isMessage;
  one.send("channel", "lost");
  await until(() => service.sent.some(isMessage), "it was sent");
  service.loses = () => false;
  one.send("channel", "heard");
  await until(() => it.heard.length > 0, "the next is heard");
  expect(it).toMatchObject({ heard: ["heard"], missed: 1 });
});

test("of a large message that lost a part nothing is heard, and that is told", async () => {
  const { service, one, it } = await pair();
  service.loses = ({ text }) => text.startsWith("p") && text.includes(" 2 ");
  one.send("channel", "x".repeat(5000));
  one.send("channel", "after");
  await until(() => it.heard.length > 0, "the next is heard");
  expect(it.heard).toEqual(["after"]);
  expect(it.missed).toBeGreaterThan(0);
});

test("a message beyond all bounds is not sent; its receivers are told that they missed it", async () => {
  const { service, one, it } = await pair();
  one.send("channel", "x".repeat(600_000));
  await until(() => it.missed === 1, "it is told");
  one.send("channel", "after");
  await until(() => it.heard.length > 0, "the next is heard");
  expect(it).toMatchObject({ heard: ["after"], missed: 1 });
  expect(service.sent.every(({ text }) => text.length <= 1000)).toBe(true);
});

test("while the service is away nothing waits without bound, and the gap is told when it is back", async () => {
  const { service, one, it } = await pair();
  service.away = true;
  for (let at = 0; at < 300; at++) one.send("channel", "x".repeat(100_000));
  await until(() => service.refused > 0, "sending was tried");
  service.away = false;
  one.send("channel", "back");
  await until(() => it.heard.at(-1) === "back", "it is heard again");
  expect(it.missed).toBeGreaterThan(0);
});
