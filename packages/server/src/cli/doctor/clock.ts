import { setTimeout as pause } from "node:timers/promises";
import { ok, warn, type Check } from "./check.ts";

const LOOK_MS = 200;
const STEP_MS_MAX = 50;
/** This version did not exist before. */
const EARLIEST = Date.UTC(2025, 0, 1);

/** Timers run on the steady clock and times are told by the other one: the two must go alike. */
export const clockCheck: Check = {
  name: "clock",
  async look() {
    const [wall, steady] = [Date.now(), performance.now()];
    await pause(LOOK_MS);
    const drift = Date.now() - wall - (performance.now() - steady);
    const said = {
      values: { time: new Date().toISOString(), drift: Math.round(drift) },
      facts: { time: new Date().toISOString(), drift_ms: Math.round(drift * 1000) / 1000 },
    };
    const isWrong = Date.now() < EARLIEST || Math.abs(drift) > STEP_MS_MAX;
    return [isWrong ? warn("doctor.clock", "doctor.clock.sync", said) : ok("doctor.clock", said)];
  },
};
