import { brokerAway } from "./brokers.ts";
import { clocks } from "./clocks.ts";
import { hungryCode } from "./code-memory.ts";
import { crowd } from "./crowd.ts";
import { wideFan } from "./fan.ts";
import { hogsApart, hogTogether } from "./hogs.ts";
import type { Injection } from "./injection.ts";
import { longLine } from "./line.ts";
import { manyDown } from "./many.ts";
import { allDown, apiKilled, deafness, takeoverOutage } from "./outages.ts";
import { throughPooler } from "./pooler.ts";
import { cancels, oneKey } from "./requests.ts";
import { shortOfTime } from "./slow.ts";
import { zombiesApart, zombieTogether } from "./stop.ts";
import { terminations } from "./term.ts";
import { tickets } from "./tickets.ts";
import { turmoil } from "./turmoil.ts";
import { answersLost, partitions, slowDatabase } from "./wires.ts";

/** Everything that is done to real processes, in the order in which it is done. */
export const INJECTIONS: readonly Injection[] = [
  turmoil,
  terminations,
  oneKey,
  zombiesApart,
  partitions,
  clocks,
  allDown,
  cancels,
  brokerAway,
  tickets,
  zombieTogether,
  apiKilled,
  takeoverOutage,
  deafness,
  throughPooler,
  answersLost,
  slowDatabase,
  hungryCode,
  hogsApart,
  hogTogether,
  wideFan,
  shortOfTime,
  manyDown,
  crowd,
  longLine,
];

export { TEST_ROWS, type TestRow } from "./tests.ts";
export type { Finding, Injection } from "./injection.ts";
