import { AppError, controlPayloads, failureOf, isFinal, type Failure } from "@weftwork/core";
import type { Journal, RunHead } from "../journal/journal.ts";
import { CLAIM_MAX, ClaimPace } from "./claim-pace.ts";
import type { Clock } from "./clock.ts";
import { hotRun, type HotRun } from "./hot-run.ts";
import type { Member } from "./member.ts";
import type { Offered } from "./offered.ts";
import type { Owner } from "./owner.ts";
import type { Payloads } from "./payloads.ts";
import { Probation, SUSPECT_MIN } from "./probation.ts";
import { loadState } from "./recover.ts";
import type { Workflows } from "./workflows.ts";

export interface ClaimsOptions {
  readonly journal: Journal;
  readonly membership: Member;
  readonly owner: Owner;
  readonly workflows: Workflows;
  readonly payloads: Payloads;
  readonly clock: Clock;
  /** Runs held at most; no more are claimed then. */
  readonly runsMax: number;
  /** No more runs are claimed while it is false. Left out: always. */
  readonly hasRoom?: () => boolean;
  /** Bytes of journal that may be read for recovery at the same time (O18). */
  readonly recoveryBytesMax: number;
  /** Called with a run that is read back, before it is taken over. */
  readonly recovering: (run: HotRun) => Promise<void>;
  readonly offered: Offered;
  /** Commands of a run that others carry out already. */
  readonly elsewhere: (run: HotRun) => Promise<ReadonlySet<string>>;
  /** Longest pause between two looks while idle. */
  readonly pollMsMax: number;
  readonly problem: (message: string, run: { readonly id: string }, error: unknown) => void;
}

const POLL_MS_MIN = 50;
/** `pollMsMax`, unless it is set. */
export const POLL_MS_MAX = 2000;
/** Runs loaded at the same time while claims are carried out. */
const LOADS_MAX = 8;
/** How long a run that cannot be read is left alone. */
const REPAIR_MS = 3_600_000;
/** How long a suspect waits for its turn to be taken on. */
const HOLD_BACK_MS = 500;
/** Owners in a row that crashed with the run and recorded nothing of it: it is set aside then (F8). */
export const CRASHES_MAX = 5;

/**
 * Finds runs that nobody advances (new ones, due ones, those of dead workers, those with an input waiting) and takes
 * them over; takes in what was offered to runs held here. Polls with a growing pause while idle (O17), at once when
 * poked.
 *
 * Q1. A run that the journal says is ours is held, or is given up again: after every answer that was lost the two are
 *     compared. Giving up raises the epoch at the next claim, so a flush of ours that is still under way is fenced.
 */
export class Claims {
  private readonly options: ClaimsOptions;
  private readonly pace = new ClaimPace();
  private pause = POLL_MS_MIN;
  private cancel: (() => void) | null = null;
  /** Set before the first call of a look, which may poke again from within. */
  private busy = false;
  private working: Promise<void> = Promise.resolve();
  private again = false;
  private unsure = false;
  private closed = false;
  private bytesLoading = 0;
  /** Taken over, and perhaps with inputs that were not looked for yet. */
  private readonly adopted: HotRun[] = [];
  private readonly broken = new Map<number, Failure>();
  private readonly probation: Probation;

  constructor(options: ClaimsOptions) {
    this.options = options;
    this.probation = new Probation(options.clock);
  }

  start(): void {
    this.poke();
  }

  /** Look now. */
  poke(): void {
    if (this.closed) return;
    this.pause = POLL_MS_MIN;
    if (this.busy) {
      this.again = true;
      return;
    }
    this.cancel?.();
    this.cancel = null;
    this.busy = true;
    this.working = this.work().finally(() => {
      this.busy = false;
      if (this.closed) return;
      if (this.again) {
        this.again = false;
        this.poke();
      } else {
        // A pause of one half to one and a half keeps processes that started together apart.
        const spread = 0.5 + (this.options.clock.monotonic() % 1);
        this.cancel = this.options.clock.after(this.pause * spread, () => this.tick());
      }
    });
  }

  /** What the journal says is ours may differ from what is held. */
  doubt(): void {
    this.unsure = true;
    this.poke();
  }

  /** A run that a mistake of ours stopped: it is taken over anew, only to end with this failure. */
  giveUp(runKey: number, failure: Failure): void {
    this.broken.set(runKey, failure);
    this.doubt();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancel?.();
    await this.working;
  }

  private tick(): void {
    const pause = Math.min(this.pause * 2, this.options.pollMsMax);
    this.poke();
    this.pause = pause;
  }

  private async work(): Promise<void> {
    const { membership, owner, offered } = this.options;
    try {
      if (membership.isOver) {
        this.pace.lost(this.options.clock.monotonic());
        owner.loseAll();
        await membership.joinAgain();
      }
      if (this.unsure) await this.compare();
      let found = true;
      while (found && !this.closed) {
        const claimed = await this.claim();
        const taken = await offered.look();
        // All that was offered to them is taken in now.
        for (const run of this.adopted.splice(0)) owner.rest(run);
        found = claimed === CLAIM_MAX;
        if (claimed + taken > 0 || this.pace.isHeldBack(this.options.clock.monotonic())) this.pause = POLL_MS_MIN;
      }
    } catch {
      // The store does not answer: the pause grows, and the next look says whether it is back. Commits report it.
    }
  }

  private async claim(): Promise<number> {
    const { journal, membership, owner, runsMax, clock, hasRoom } = this.options;
    const now = clock.monotonic();
    const room = this.pace.room(runsMax - owner.runs.size, now);
    if (room <= 0 || now >= membership.deadline() || hasRoom?.() === false) return 0;
    const heads = await this.certain(journal.claim(membership, room));
    this.pace.took(room, heads.length, heads.filter(({ crashCount }) => crashCount > 0).length, now);
    const queue = await this.withoutHeldBack(heads);
    const load = async (): Promise<void> => {
      for (let head = queue.shift(); head; head = queue.shift()) await this.recover(head);
    };
    await Promise.all(Array.from({ length: LOADS_MAX }, load));
    return heads.length;
  }

  /**
   * What is taken on now. The others are given back before any of these begins: they are not to be there when that one
   * crashes us. A run that came on with its last owner is no suspect, and given back for its count to begin anew.
   */
  private async withoutHeldBack(heads: readonly RunHead[]): Promise<RunHead[]> {
    const { journal, membership, clock } = this.options;
    const suspects = heads.filter(({ crashCount }) => crashCount >= SUSPECT_MIN);
    if (suspects.length === 0) return [...heads];
    const cleared = new Set<RunHead>();
    for (const head of suspects) if (await this.cameOn(head)) cleared.add(head);
    const held = this.probation.heldBack(suspects.filter((head) => !cleared.has(head)));
    const now = clock.now();
    const releases = [...cleared, ...held].map((head) => {
      const { runKey, epoch } = head;
      return { runKey, epoch, availableAt: held.has(head) ? now + HOLD_BACK_MS : now, keepsCrashes: held.has(head) };
    });
    if (releases.length > 0) await this.certain(journal.release(membership, releases));
    if (cleared.size > 0) this.again = true;
    return heads.filter((head) => !cleared.has(head) && !held.has(head));
  }

  /** Whether the owner before this one has recorded something of the run. Rows bear the epoch of who wrote them. */
  private async cameOn({ runKey, epoch }: RunHead): Promise<boolean> {
    const { journal } = this.options;
    try {
      const { snapshot, rows } = await journal.read(runKey, { snapshot: true });
      const behind = snapshot === null ? null : { snapshot: false, afterSeq: snapshot.seq - 1, limit: 1 };
      const last = rows.at(-1) ?? (behind && (await journal.read(runKey, behind)).rows[0]);
      return last?.epoch === epoch - 1;
    } catch {
      // Whoever takes it on meets the same, and reports it.
      return false;
    }
  }

  /** An answer that does not come may have been lost behind the deed. */
  private async certain<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      this.unsure = true;
      throw error;
    }
  }

  /** Gives up what the journal says is ours and nobody here holds; it is claimed like any other run then. */
  private async compare(): Promise<void> {
    const { journal, membership, owner, clock } = this.options;
    this.unsure = false;
    const owned = await this.certain(journal.owned(membership));
    const releases = owned
      .filter(({ runKey, epoch }) => owner.runs.get(runKey)?.epoch !== epoch)
      .map(({ runKey, epoch }) => ({ runKey, epoch, availableAt: clock.now() }));
    if (releases.length > 0) await this.certain(journal.release(membership, releases));
  }

  private async recover(head: RunHead): Promise<void> {
    const { journal, workflows, owner, payloads, membership } = this.options;
    try {
      await this.admission();
      const { state, bytes } = await loadState(journal, workflows, head.runKey);
      this.bytesLoading += bytes;
      await payloads.load(head.tenant, controlPayloads(state), true).finally(() => (this.bytesLoading -= bytes));
      if (isFinal(state.status)) return;
      const { runKey: key, tenant, id, epoch } = head;
      const run = hotRun({
        key,
        tenant,
        id,
        epoch,
        state,
        nextSeq: state.seq + 1,
        creation: null,
        recordedStatus: head.status,
      });
      const failure = this.broken.get(key) ?? poisonOf(head);
      this.broken.delete(key);
      await this.options.recovering(run);
      if (failure) this.quarantine(run, failure);
      else {
        this.probation.begins(run, head);
        owner.adopt(run, await this.options.elsewhere(run));
        this.adopted.push(run);
      }
    } catch (error) {
      this.options.problem("the run cannot be recovered", head, error);
      if (failureOf(error).retryable) {
        this.unsure = true;
        return;
      }
      // Nobody can advance it as it stands. Given up for an hour, so that a repaired store finds it again.
      const availableAt = this.options.clock.now() + REPAIR_MS;
      await this.certain(journal.release(membership, [{ runKey: head.runKey, epoch: head.epoch, availableAt }]));
    }
  }

  private quarantine(run: HotRun, failure: Failure): void {
    const { owner } = this.options;
    run.state.owed.clear();
    owner.adopt(run);
    owner.take(run, { type: "run_refused", failure });
  }

  private async admission(): Promise<void> {
    const { clock, recoveryBytesMax } = this.options;
    while (this.bytesLoading > recoveryBytesMax) await new Promise<void>((resolve) => void clock.after(5, resolve));
  }
}

/** Why a run is set aside that has crashed too many owners. */
function poisonOf({ crashCount: count }: RunHead): Failure | null {
  return count < CRASHES_MAX ? null : failureOf(new AppError("RUN_QUARANTINED", { count }));
}
