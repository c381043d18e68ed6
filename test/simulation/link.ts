import { AppError } from "@weftwork/core";
import type { Faults } from "./faults.ts";
import { never, type Actor, type World } from "./world.ts";

/** How long a caller waits for an answer before it takes the call for failed. */
const PATIENCE_MS = 3000;
/** Longest time a message may be on its way: longer than three leases. */
export const LATE_MS_MAX = 40_000;

/** The process at one end of a link. */
export interface Caller extends Actor {
  /** Dies here. Always true, for use in conditions. */
  crash(where: string): true;
  /** Stops here, and goes on after a while. */
  pause(ms: number): void;
}

/**
 * The way from one process to the stores and back: everything takes time, some of it goes wrong. What a process sent
 * arrives even when the process has died meanwhile; an answer reaches nobody then.
 */
export class Link {
  readonly world: World;
  readonly faults: Faults;
  readonly process: Caller;

  constructor(world: World, faults: Faults, process: Caller) {
    this.world = world;
    this.faults = faults;
    this.process = process;
  }

  /** `repeatable`: the message may arrive twice or after the caller gave up, and must be harmless then. */
  send<T>(what: string, act: () => Promise<T>, repeatable: boolean): Promise<T> {
    const { world, faults, process } = this;
    const { random } = world;
    if (!process.alive) return never();
    const delivery = faults.deliver(repeatable);
    const travel = (): number => random.between(0.2, random.chance(0.03) ? 400 : 6);
    return new Promise<T>((resolve, reject) => {
      const answer = (ms: number, happen: () => void): void =>
        void world.after(ms, process, `${what} is answered`, happen);
      const fail = (ms: number): void =>
        answer(ms, () => reject(new AppError("STORE_UNAVAILABLE", { reason: `no answer to ${what}` })));
      const arrive = (ms: number, answered: boolean): void => {
        const happen = (): void => {
          const done = act();
          if (!answered) done.catch(() => {});
          else
            done.then(
              (value) => answer(travel(), () => resolve(value)),
              (error: unknown) => answer(travel(), () => reject(error as Error)),
            );
        };
        world.after(ms, null, `${process.name}: ${what} arrives (${delivery})`, happen);
      };
      switch (delivery) {
        case "delivered":
          arrive(travel(), true);
          break;
        case "refused":
          fail(travel());
          break;
        case "lost":
          fail(PATIENCE_MS);
          break;
        case "answer lost":
          arrive(travel(), false);
          fail(PATIENCE_MS);
          break;
        case "late":
          arrive(random.between(PATIENCE_MS, LATE_MS_MAX), false);
          fail(PATIENCE_MS);
          break;
        case "twice":
          arrive(travel(), true);
          arrive(random.between(1, LATE_MS_MAX), false);
      }
    });
  }
}
