import { AppError } from "@weftwork/core";
import type { Append, Journal, Verdict } from "./journal.ts";

/** What happens to one call of `append`. */
export type AppendFault =
  /** Done, and the answer is lost: the caller cannot know (F17). */
  | "unanswered"
  /** Not done: the store does not answer. */
  | "refused"
  /** Done, and answered when `letGo` is called. */
  | "late";

export interface FaultyJournal extends Journal {
  /** Lets all late answers go. */
  letGo(): void;
  /** How many calls of `append` there were. */
  readonly appends: number;
}

const lost = (): AppError => new AppError("STORE_UNAVAILABLE", { reason: "a test said so" });

/**
 * A journal that fails as told, for tests of those who use one. `fault` is asked before each append, with its number
 * from 1 and its batch; null lets it pass.
 */
export function faultyJournal(
  journal: Journal,
  fault: (call: number, batch: readonly Append[]) => AppendFault | null,
): FaultyJournal {
  let appends = 0;
  let late: (() => void)[] = [];
  const append: Journal["append"] = async (membership, batch): Promise<readonly Verdict[]> => {
    appends += 1;
    const kind = fault(appends, batch);
    if (kind === "refused") throw lost();
    const verdicts = await journal.append(membership, batch);
    if (kind === "unanswered") throw lost();
    if (kind === "late") await new Promise<void>((resolve) => late.push(resolve));
    return verdicts;
  };
  return new Proxy(journal, {
    get(target, name) {
      if (name === "append") return append;
      if (name === "appends") return appends;
      if (name === "letGo") {
        return () => {
          const waiting = late;
          late = [];
          for (const resolve of waiting) resolve();
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  }) as FaultyJournal;
}
