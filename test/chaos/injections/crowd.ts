import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "../../../bench/statistics.ts";
import { Flood } from "../flood.ts";
import { TOGETHER } from "../processes.ts";
import type { Finding, Injection } from "./injection.ts";

const SUBMISSIONS = 50_000;
const SECONDS = 10;
const CONNECTIONS = 512;
/** Runs that may be open. None ends while the others arrive. */
const BACKLOG = 10_000;
const SLEEP = "20s";

interface Arrived {
  accepted: number;
  refused: number;
  /** Refusals of another kind, or without a time to come again. */
  bare: number;
  unanswered: number;
  inTime: number;
  readonly acceptedMs: number[];
}

/** Far more than can be done arrives at one server, which refuses for load as an operator has it; then it is killed. */
export const crowd: Injection = {
  id: "F58",
  title: "50,000 submissions in 10 s to one server with room for 10,000, which is killed when the last is answered",
  holds: "I1, I8: what was answered with 202 is there and ends; the others get 429 or 503 with Retry-After",
  needs: {
    roles: TOGETHER.slice(0, 1),
    transports: ["postgres"],
    open: 0,
    env: { WEFT_SHED: "true", WEFT_BACKLOG_MAX: String(BACKLOG) },
  },
  seconds: 30,
  quick: false,
  async inject(arena) {
    const flood = await Flood.open(arena.fleet.urls[0]!, CONNECTIONS, arena.load);
    const began = performance.now();
    const arrived = await arrive(flood, began).finally(() => flood.close());
    const seconds = (performance.now() - began) / 1000;
    await arena.kill(arena.fleet.members[0]!);
    await arena.fleet.members[0]!.untilReady();
    return () => judgedCrowd(arrived, seconds);
  },
};

/** Each at its time, whether those before were answered or not. */
async function arrive(flood: Flood, began: number): Promise<Arrived> {
  const arrived: Arrived = { accepted: 0, refused: 0, bare: 0, unanswered: 0, inTime: 0, acceptedMs: [] };
  const under: Promise<void>[] = [];
  const submit = async (at: number): Promise<void> => {
    const due = began + (at / SUBMISSIONS) * SECONDS * 1000;
    try {
      const { status, retryAfter } = await flood.once({
        id: `crowd-${at}`,
        workflow: "sleeper",
        inputs: { for: SLEEP },
      });
      const now = performance.now();
      if (now - began <= SECONDS * 1000) arrived.inTime += 1;
      if (status === 202) {
        arrived.accepted += 1;
        arrived.acceptedMs.push(now - due);
      } else {
        arrived.refused += 1;
        if ((status !== 429 && status !== 503) || !((retryAfter ?? 0) >= 1)) arrived.bare += 1;
      }
    } catch {
      arrived.unanswered += 1;
    }
  };
  while (under.length < SUBMISSIONS) {
    const due = Math.min(SUBMISSIONS, Math.floor(((performance.now() - began) / 1000) * (SUBMISSIONS / SECONDS)));
    while (under.length < due) under.push(submit(under.length));
    await sleep(2);
  }
  await Promise.all(under);
  return arrived;
}

function judgedCrowd({ accepted, refused, bare, unanswered, inTime, acceptedMs }: Arrived, seconds: number): Finding {
  return {
    figures: {
      "answered within 10 s": inTime,
      "seconds until all were": seconds.toFixed(1),
      accepted,
      refused,
      "p99 of accepted, ms": Math.round(quantile(acceptedMs, 0.99)),
    },
    failures: [
      ...(bare > 0 ? [`${bare} refusals were neither 429 nor 503, or without Retry-After`] : []),
      ...(unanswered > 0 ? [`${unanswered} submissions had no answer`] : []),
      ...(accepted === 0 || refused === 0 ? [`${accepted} were accepted, ${refused} refused`] : []),
    ],
  };
}
