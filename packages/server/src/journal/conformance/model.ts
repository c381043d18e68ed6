import { expect, test } from "vitest";
import { memoryJournal } from "../memory.ts";
import type { Append, Membership } from "../journal.ts";
import type { Open, Opened } from "./fixture.ts";
import { creation, join, LEASE_MS, payload, row, TENANT } from "./fixture.ts";

/**
 * The memory driver is the specification: random calls, in the same order, get the same answers from both. A seed that
 * fails is named, and fails again.
 */
export function modelFacts(open: Open, seeds: number, steps: number): void {
  for (let seed = 1; seed <= seeds; seed++) {
    test(`random calls are answered as the memory driver answers them, seed ${seed}`, async () => {
      const subject = await open();
      try {
        const model = openModel(subject.now());
        const [one, two] = [new Player(subject, seed), new Player(model, seed)];
        await Promise.all([one.start(), two.start()]);
        for (let step = 1; step <= steps; step++) {
          const answer = await one.step();
          const wanted = await two.step();
          expect(answer, `step ${step}`).toEqual(wanted);
        }
      } finally {
        await subject.close();
      }
    });
  }
}

function openModel(start: number): Opened {
  let now = start;
  const journal = memoryJournal({ now: () => now });
  return {
    journal,
    now: () => now,
    advance: (ms) => void (now += ms),
    rowBytesMax: 4_000_000,
    close: () => journal.close(),
  };
}

interface Known {
  readonly label: number;
  readonly first: Append;
  epoch: number;
  seq: number;
}

/** Plays the same game on a journal for the same seed. Keys differ between drivers, so answers name runs by number. */
class Player {
  private readonly opened: Opened;
  private member!: Membership & { renew?: () => unknown };
  private old: Membership | null = null;
  private readonly runs: Known[] = [];
  private readonly labels = new Map<number, number>();
  private last: readonly Append[] = [];
  private state: number;

  constructor(opened: Opened, seed: number) {
    this.opened = opened;
    this.state = seed;
  }

  async start(): Promise<void> {
    this.member = await join(this.opened.journal);
  }

  private pick(below: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * below);
  }

  async step(): Promise<unknown> {
    const { journal } = this.opened;
    const kind = this.pick(22);
    if (kind < 5) {
      const batch: Append[] = [];
      for (let count = 1 + this.pick(4); count > 0; count--) batch.push(await this.newRun());
      return this.append(batch);
    }
    if (kind < 11) return this.append(this.times(1 + this.pick(6), () => this.nextRow()).flat());
    switch (kind) {
      case 11:
        return this.append(this.last);
      case 12:
        return journal.offer(this.times(3, () => this.input()));
      case 13:
        return this.named(await journal.inbox(this.member, 1 + this.pick(5)));
      case 14:
      case 15:
        return this.claim();
      case 16:
        return this.release();
      case 17:
        return this.passTime();
      case 18:
        return this.takeOver();
      case 19:
        return this.named(await journal.find({ tenant: this.tenant(), limit: 200, ...this.filter() }));
      case 20:
        return this.prune();
      default:
        return this.look();
    }
  }

  private times<T>(count: number, make: () => T): T[] {
    return Array.from({ length: count }, make);
  }

  private tenant(): string {
    return this.pick(8) === 0 ? "other" : TENANT;
  }

  private async newRun(): Promise<Append> {
    const now = this.opened.now();
    const key = this.pick(4) === 0 ? `key_${this.pick(6)}` : null;
    const fingerprint = this.pick(3) === 0 ? "a" : "b";
    const strategy = (["queue", "reject", "cancel_running"] as const)[this.pick(3)]!;
    const values = {
      id: this.pick(5) === 0 ? `twin_${this.pick(5)}` : `run_${this.pick(1e9)}`,
      tenant: this.tenant(),
      fingerprint,
      createdAt: now + this.pick(5),
      availableAt: this.pick(5) === 0 ? now + this.pick(9000) : null,
      priority: (["interactive", "normal", "batch", "background"] as const)[this.pick(4)]!,
      idempotency: key === null ? null : { key, fingerprint, expiresAt: now + this.pick(20_000) },
      slot: this.pick(3) === 0 ? { key: `lane_${this.pick(2)}`, limit: 1 + this.pick(2), strategy } : null,
      workflow: `flow_${this.pick(2)}`,
    };
    const finished =
      this.pick(12) === 0 ? { change: { status: "failed", finishedAt: now, errorCode: "X" } as const } : {};
    const first = { ...(await creation(this.opened, values.id, values)), ...finished };
    this.runs.push({ label: this.runs.length, first, epoch: 1, seq: 1 });
    this.labels.set(first.runKey, this.runs.length - 1);
    return first;
  }

  private nextRow(): Append[] {
    const run = this.runs[this.pick(this.runs.length)];
    if (!run) return [];
    const now = this.opened.now();
    const end = this.pick(3) === 0;
    const status = (["succeeded", "failed", "cancelled"] as const)[this.pick(3)]!;
    const change = this.pick(2) === 0 ? { change: { status: "waiting", startedAt: now } as const } : {};
    const epoch = this.pick(12) === 0 ? run.epoch + this.pick(3) - 1 : run.epoch;
    const seq = this.pick(12) === 0 ? Math.max(2, run.seq + this.pick(4)) : run.seq + 1;
    return [
      row(run.first, seq, {
        epoch,
        ...(this.pick(15) === 0 ? { tenant: "other" } : {}),
        body: `1[${this.pick(3)}]`,
        ...(end ? { change: { status, finishedAt: now } } : change),
        payloads: this.pick(4) === 0 ? [payload(`payload ${this.pick(5)}`)] : [],
        inputsTaken: this.pick(3) === 0 ? [`input_${this.pick(3)}`, "slot_granted"] : [],
        snapshot: this.pick(5) === 0 ? `1{"seq":${seq}}` : null,
      }),
    ];
  }

  private async append(batch: readonly Append[]): Promise<unknown> {
    this.last = batch;
    const verdicts = await this.opened.journal.append(this.old && this.pick(10) === 0 ? this.old : this.member, batch);
    for (const [at, { type }] of verdicts.entries()) {
      const run = this.runs[this.labels.get(batch[at]!.runKey)!]!;
      if (type === "committed") run.seq = Math.max(run.seq, batch[at]!.seq);
    }
    return this.named(verdicts);
  }

  private input() {
    const run = this.runs[this.pick(this.runs.length)];
    return {
      tenant: this.tenant(),
      runId: run?.first.create!.id ?? "nobody",
      inputId: `input_${this.pick(3)}`,
      body: "1{}",
    };
  }

  private async claim(): Promise<unknown> {
    const heads = await this.opened.journal.claim(this.member, 1 + this.pick(8));
    for (const head of heads) {
      const run = this.runs[this.labels.get(head.runKey)!]!;
      run.epoch = head.epoch;
      run.seq = (await this.opened.journal.read(head.runKey)).rows.length;
    }
    return this.named(heads);
  }

  private release(): Promise<number> {
    const runs = this.times(2, () => this.runs[this.pick(this.runs.length)]).filter((run) => run !== undefined);
    const times = [null, this.opened.now() + this.pick(5000)];
    return this.opened.journal.release(
      this.member,
      runs.map(({ first, epoch }) => ({ runKey: first.runKey, epoch, availableAt: times[this.pick(2)]! })),
    );
  }

  private async passTime(): Promise<null> {
    await this.opened.advance(this.pick(6000));
    await this.member.renew?.();
    return null;
  }

  /** The member is gone, in order or not, and another one joins. */
  private async takeOver(): Promise<unknown> {
    if (this.pick(2) === 0) await this.member.leave();
    await this.opened.advance(LEASE_MS + 1001);
    this.old = this.member;
    this.member = await join(this.opened.journal);
    return this.claim();
  }

  private filter() {
    const all = ["pending", "running", "waiting", "succeeded", "failed", "cancelled"] as const;
    const status = this.times(1 + this.pick(3), () => all[this.pick(6)]!);
    return [{}, { status }, { workflow: "flow_1" }, { status, workflow: "flow_0" }][this.pick(4)];
  }

  private async prune(): Promise<unknown> {
    if (this.pick(3) > 0) return null;
    if (this.pick(4) === 0) await this.opened.advance(24 * 60 * 60 * 1000);
    await this.member.renew?.();
    return this.opened.journal.prune(this.opened.now() - this.pick(20_000));
  }

  private async look(): Promise<unknown> {
    const { journal } = this.opened;
    const hashes = this.times(5, () => payload(`payload ${this.pick(5)}`).hash);
    const run = this.runs[this.pick(this.runs.length)];
    const found = await journal.payloads(this.tenant(), hashes);
    return {
      stats: await journal.stats(this.tenant()),
      payloads: [...found].map(([hash, bytes]) => [hash, Buffer.from(bytes).toString()]).toSorted(),
      record: run && (await journal.read(run.first.runKey, { snapshot: this.pick(2) === 0 })),
      head: run && this.named(await journal.head(run.first.tenant, run.first.create!.id)),
    };
  }

  /** The answer with runs named by their number, and without what each driver may choose. */
  private named(answer: unknown): unknown {
    return JSON.parse(
      JSON.stringify(answer, (name, value: unknown) => {
        if (name === "nextCursor") return undefined;
        if ((name === "runKey" || name === "run") && typeof value === "number") return this.labels.get(value);
        if (name === "granted" && Array.isArray(value)) return value.map((key: number) => this.labels.get(key));
        return value;
      }),
    );
  }
}
