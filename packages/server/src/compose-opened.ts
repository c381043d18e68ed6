/** What holds a connection, a lock, a thread or a timer, and can let go of it. */
export interface Closable {
  /** What is under way may end within the grace, where there is one. */
  close(graceMs: number): Promise<void> | void;
}

/** What was opened, in this order; it is closed in the reverse one, for what comes later stands on what came before. */
export class Opened {
  private readonly all: Closable[] = [];
  private closing: Promise<void> | null = null;

  keep<One extends Closable>(one: One): One {
    this.all.push(one);
    return one;
  }

  /** Closes each thing once, whatever becomes of the others. Throws the first error when all are closed. */
  close(graceMs = 0): Promise<void> {
    return (this.closing ??= this.closeAll(graceMs));
  }

  private async closeAll(graceMs: number): Promise<void> {
    const errors: unknown[] = [];
    for (const one of this.all.toReversed()) {
      try {
        await one.close(graceMs);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

/** Opens several things that belong together. Where it throws, all that it has kept until then is closed again. */
export async function openAll<All>(open: (opened: Opened) => Promise<All>): Promise<All> {
  const opened = new Opened();
  try {
    return await open(opened);
  } catch (error) {
    // What failed is told; that something half open did not end in order either would hide it.
    await opened.close().catch(() => undefined);
    throw error;
  }
}

/** Several as one, closed at the same time: none of them stands on another. Throws the first error when all are closed. */
export function together(...all: readonly (Closable | null)[]): Closable {
  return {
    async close(graceMs) {
      const ends = await Promise.allSettled(all.map(async (one) => one?.close(graceMs)));
      for (const end of ends) if (end.status === "rejected") throw end.reason;
    },
  };
}
