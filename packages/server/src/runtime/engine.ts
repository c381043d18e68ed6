import type { BlobStore } from "../blob/blob.ts";
import type { Catalogue } from "../db/catalogue.ts";
import type { Journal, Membership } from "../journal/journal.ts";
import type { SearchIndex } from "../search/search.ts";
import type { Live } from "../live/live.ts";
import type { StreamLog } from "../streamlog/streamlog.ts";
import type { NodeRegistry } from "../nodes/node.ts";
import type { Clock } from "./clock.ts";
import { AnswerStreams } from "./answer-streams.ts";
import type { RunCallbacks } from "./beginnings.ts";
import { Claims, POLL_MS_MAX } from "./claims.ts";
import { Commit, SNAPSHOT_EVENTS } from "./commit.ts";
import { Inbox } from "./inbox.ts";
import type { ConversationStore } from "../conversations/conversations.ts";
import { Conversations } from "./conversations.ts";
import { Feeds } from "./feeds.ts";
import { Indexer } from "./indexer.ts";
import { Keys } from "./keys.ts";
import { Member } from "./member.ts";
import { Offered } from "./offered.ts";
import { Needs } from "./needs.ts";
import { Owner, REST_MS_MIN, type OwnerOptions, type RunNotice, type Tasks } from "./owner.ts";
import { overloadOf, type EngineOverload } from "./engine-overload.ts";
import type { Overload } from "./overload.ts";
import { Payloads } from "./payloads.ts";
import { loadState } from "./recover.ts";
import type { RunSightsOptions } from "./run-sights.ts";
import { NO_INDEX } from "./search.ts";
import { Runs } from "./runs.ts";
import { StepStreams, STREAM_LIMITS, type StreamLimits } from "./step-streams.ts";
import { StreamBuffer } from "./stream-buffer.ts";
import { Timers } from "./timers.ts";
import { Workflows } from "./workflows.ts";
import type { HotRun } from "./hot-run.ts";
import {
  controlPayloads,
  type Decision,
  type DispatchTask,
  type FileValue,
  type Plan,
  type RunState,
  type TaskOutcome,
} from "@weftwork/core";
import type { TaskPart } from "../nodes/node.ts";

/** What the engine needs of its surroundings; every one a port. */
export interface EngineOptions {
  readonly journal: Journal;
  readonly membership: Membership;
  /** Begins another membership, when the first has ended although the process lives. */
  readonly join: () => Promise<Membership>;
  readonly blobs: BlobStore;
  readonly catalogue: Catalogue;
  /** The secrets there are, by name. */
  readonly secretNames?: () => Promise<ReadonlySet<string>>;
  readonly live: Live<RunNotice>;
  readonly streamLog: StreamLog;
  readonly registry: NodeRegistry;
  readonly clock: Clock;
  readonly tenant: string;
  /** Whether this process advances runs. Default: yes. Where it does not, runs that begin here are left to others. */
  readonly own?: boolean;
  /** Tells the other processes that runs wait to be taken over. */
  readonly claimable?: () => void;
  /** Tasks of a run that were put up for other processes and that nobody has taken. */
  readonly standing?: RunSightsOptions["standing"];
  /** Makes the workers, given how they report. */
  readonly worker: (reports: WorkerReports) => Tasks & { drain(graceMs: number): Promise<void> };
  readonly lanes: number;
  /** Compiled plans by hash, shared with other engines of this process. */
  readonly plans?: Map<string, Plan>;
  readonly limits: EngineLimits;
  /** How new work is refused and waiting work put off where there is too much. Left out: by `limits.runsMax` alone. */
  readonly overload?: EngineOverload;
  /** Conversations with chat apps; left out: there are none. */
  readonly conversations?: {
    readonly store: ConversationStore;
    readonly file: (id: string) => Promise<FileValue | null>;
  };
  /** Where runs are found by their words; left out, they are read one by one. */
  readonly search?: EngineSearch;
  /** Told of each run that took over from one that failed. */
  readonly tookOver?: (failed: string, by: string, key: string | null) => Promise<void>;
  /** Told of each run that has ended here, once that is recorded. */
  readonly ended?: (state: RunState) => void;
  /** Follows what is recorded of the runs held here. */
  readonly observer?: RunObserver;
  /** Keeps the address at which somebody waits to be told of a run. Left out: there is no such service. */
  readonly callbacks?: RunCallbacks;
  readonly problem: (message: string, runId: string, error: unknown) => void;
}

/** Who is told of every run that is held here. Called on the way of each run: it must return at once. */
export interface RunObserver {
  /** A row is recorded (never before). Its decisions stay as they are. */
  recorded(run: HotRun, seq: number, decisions: readonly Decision[]): void;
  /** A run was taken over with what its journal holds; nothing of it has been carried out yet. */
  adopted(run: HotRun): void;
}

export interface EngineLimits {
  /** Runs held in memory at most. */
  readonly runsMax: number;
  /** Values kept readable beside their store. */
  readonly payloadBytesMax: number;
  /** Payloads from this size on go to the blob store. */
  readonly objectBytesMin: number;
  /** Journal bytes read at the same time for recovery. */
  readonly recoveryBytesMax: number;
  /** Events after which a snapshot is written. */
  readonly snapshotEvents?: number;
  /** A run whose next timer is further away than this does not stay in memory. */
  readonly restMsMin?: number;
  /** What is kept of what steps say. */
  readonly stream?: StreamLimits;
  /** Longest pause between two looks for work of others. */
  readonly pollMsMax?: number;
}

export interface EngineSearch {
  readonly index: SearchIndex;
  /** How busy the process is since the last time it was asked, 0 to 1. */
  readonly load: () => number;
}

export interface WorkerReports {
  readonly payloads: Payloads;
  /** This process among the workers of the store. */
  readonly member: Member;
  /** The plans of runs that others hold. */
  readonly plans: Workflows["pinned"];
  readonly report: (run: HotRun, task: DispatchTask, outcome: TaskOutcome) => void;
  /** The same; resolves when it is recorded, and rejects when the run leaves this process before. */
  readonly record: (run: HotRun, task: DispatchTask, outcome: TaskOutcome) => Promise<void>;
  readonly progress: (run: HotRun, task: DispatchTask, part: TaskPart) => void;
  readonly mayStart: () => boolean;
}

/** The parts of the runtime, put together. Starting finds and takes over what an earlier process left. */
export class Engine {
  readonly runs: Runs;
  readonly workflows: Workflows;
  /** Null where there is no store of conversations. */
  readonly conversations: Conversations | null;
  readonly inbox: Inbox;
  readonly owner: Owner;
  readonly overload: Overload;
  private readonly options: EngineOptions;
  private readonly member: Member;
  private readonly offered: Offered;
  private readonly claims: Claims;
  private readonly buffer: StreamBuffer;
  private readonly streams: StepStreams;
  private readonly answers: AnswerStreams;
  private readonly timers: Timers;
  private readonly indexer: Indexer | null;
  private readonly worker: Tasks & { drain(graceMs: number): Promise<void> };
  private readonly releases = new Set<Promise<unknown>>();

  constructor(options: EngineOptions) {
    this.options = options;
    const { journal, blobs, catalogue, live, registry, clock, tenant, limits, own = true } = options;
    const membership = new Member(options.membership, options.join);
    this.member = membership;
    const payloads = new Payloads(journal, blobs, limits);
    this.timers = new Timers(clock);
    this.buffer = new StreamBuffer({
      log: options.streamLog,
      clock,
      lost: (runKeys) => this.streams.lost(runKeys),
      problem: (message, error) => options.problem(message, "", error),
    });
    this.streams = new StepStreams({
      buffer: this.buffer,
      live,
      clock,
      limits: limits.stream ?? STREAM_LIMITS,
      said: (run, command, text) => this.answers.said(run, command, text),
      superseded: (run, command) => this.answers.superseded(run, command),
      problem: (message, run, error) => options.problem(message, run.id, error),
    });
    this.answers = new AnswerStreams({
      journal,
      buffer: this.buffer,
      payloads,
      charsMax: (limits.stream ?? STREAM_LIMITS).attemptChars,
      tell: (run, piece) => this.streams.tellPiece(run, piece),
      problem: (message, run, error) => options.problem(message, run.id, error),
    });
    this.workflows = new Workflows({
      catalogue,
      registry,
      clock,
      tenant,
      ...(options.plans ? { plans: options.plans } : {}),
      ...(options.secretNames ? { secretNames: options.secretNames } : {}),
    });
    this.worker = options.worker({
      payloads,
      member: membership,
      plans: (hash, pins, planTenant) => this.workflows.pinned(hash, pins, planTenant),
      report: (run, { scope, node, attempt }, outcome) =>
        this.owner.take(run, { type: "task_reported", scope, node, attempt, outcome }),
      record: (run, { scope, node, attempt }, outcome) =>
        this.owner.submit(run, { type: "task_reported", scope, node, attempt, outcome }),
      progress: (run, command, part) => this.streams.emit(run, command, part),
      mayStart: () => this.leaseHolds(),
    });
    const commit: OwnerOptions["commit"] = (answered, sent) =>
      new Commit({
        journal,
        membership,
        payloads,
        clock,
        lanes: options.lanes,
        snapshotEvents: limits.snapshotEvents ?? SNAPSHOT_EVENTS,
        sending: (run) => {
          this.streams.rowSending(run);
          this.answers.rowSending(run);
        },
        answered,
        leaseLost: () => this.loseLease(),
        sent,
        problem: (message, error) => options.problem(message, "", error),
      });
    this.owner = new Owner({
      commit,
      tasks: this.worker,
      timers: this.timers,
      live,
      clock,
      adopted: (run) => {
        this.streams.adopted(run);
        options.observer?.adopted(run);
      },
      recorded: options.observer && ((run, seq, decisions) => options.observer!.recorded(run, seq, decisions)),
      left: (run) => {
        this.streams.left(run);
        this.answers.left(run);
        this.runs.left(run);
        if (run.endRecorded) {
          this.overload.ended();
          options.ended?.(run.state);
        }
        this.conversations?.left(run);
      },
      offered: () => this.claims.poke(),
      doubt: () => this.claims.doubt(),
      own,
      claimable: () => options.claimable?.(),
      broken: ({ key }, failure) => this.claims.giveUp(key, failure),
      restMsMin: limits.restMsMin ?? REST_MS_MIN,
      release: (release) => this.track(journal.release(membership, [release])),
      reload: async (run) => {
        const { state } = await loadState(journal, this.workflows, run.key);
        await payloads.load(run.tenant, controlPayloads(state), true);
        await this.answers.restore(run);
        return state;
      },
      problem: (message, run, error) => options.problem(message, run.id, error),
    });
    this.overload = overloadOf(options.overload ?? null, {
      journal,
      clock,
      tenant,
      runsMax: limits.runsMax,
      runsHere: () => this.owner.runs.size,
      flushWaitMs: () => this.owner.commit.waitMs(),
    });
    this.offered = new Offered({
      journal,
      membership,
      owner: this.owner,
      reported: (run, commandId) => this.worker.reported(run, commandId),
      problem: (message, run, error) => options.problem(message, run.id, error),
    });
    this.claims = new Claims({
      journal,
      membership,
      owner: this.owner,
      workflows: this.workflows,
      payloads,
      clock,
      runsMax: own ? limits.runsMax : 0,
      hasRoom: () => this.overload.hasRoom,
      recoveryBytesMax: limits.recoveryBytesMax,
      recovering: (run) => this.answers.restore(run),
      offered: this.offered,
      elsewhere: (run) => this.worker.elsewhere(run),
      pollMsMax: limits.pollMsMax ?? POLL_MS_MAX,
      problem: (message, head, error) => options.problem(message, head.id, error),
    });
    // Those who ask from outside are told soon when the store has no room; what runs need waits as long as it takes.
    const asked: Journal = journal.callers
      ? Object.assign(Object.create(journal) as Journal, journal.callers)
      : journal;
    this.inbox = new Inbox({ journal: asked, owner: this.owner, tenant, poke: () => this.claims.poke() });
    this.indexer = options.search
      ? new Indexer({
          ...options.search,
          journal,
          payloads,
          clock,
          tenant,
          problem: (message, error) => options.problem(message, "", error),
        })
      : null;
    const keys = new Keys(journal);
    this.runs = new Runs({
      journal: asked,
      owner: this.owner,
      inbox: this.inbox,
      workflows: this.workflows,
      payloads,
      streams: this.streams,
      buffer: this.buffer,
      live,
      feeds: new Feeds({
        journal,
        buffer: this.buffer,
        payloads,
        clock,
        live,
        isHeld: (runKey) => this.owner.runs.has(runKey),
      }),
      clock,
      keys,
      needs: new Needs(registry),
      index: options.search?.index ?? NO_INDEX,
      ...(options.callbacks ? { callbacks: options.callbacks } : {}),
      ...(options.tookOver ? { tookOver: options.tookOver } : {}),
      tenant,
      own,
      ...(options.standing ? { standing: options.standing } : {}),
      overload: this.overload,
    });
    this.conversations = options.conversations
      ? new Conversations({
          ...options.conversations,
          journal,
          payloads,
          workflows: this.workflows,
          buffer: this.buffer,
          runs: this.runs,
          clock,
          tenant,
          problem: options.problem,
        })
      : null;
  }

  start(): void {
    if (this.options.overload) this.overload.start();
    this.claims.start();
    this.options.journal.onInbox?.(() => this.offered.hear());
    if (this.options.own === false) return;
    this.conversations?.start();
    this.indexer?.start();
  }

  /** Runs may wait to be taken over: look now. */
  poke(): void {
    if (this.options.own !== false) this.claims.poke();
  }

  /** Ends in order: claims nothing more, lets tasks end (or gives them back after the grace), records, gives runs up. */
  async close(graceMs: number): Promise<void> {
    this.overload.close();
    await this.claims.close();
    await this.indexer?.close();
    await this.worker.drain(graceMs);
    await this.owner.commit.drain(graceMs);
    await this.conversations?.close();
    const { journal, clock } = this.options;
    const releases = [...this.owner.runs.values()].map(({ key: runKey, epoch }) => ({
      runKey,
      epoch,
      availableAt: clock.now(),
    }));
    this.owner.loseAll();
    // Leaving gives up whatever could not be released. Others hear of the rest once it is free, and need no poll to find it.
    if (releases.length > 0)
      void this.track(journal.release(this.member, releases).then(() => this.options.claimable?.()));
    await Promise.all(this.releases);
    await this.buffer.drain();
    this.timers.close();
    // Where the store does not answer, the lease ends by itself.
    await this.member
      .leave()
      .catch((error: unknown) => this.options.problem("the store could not be told of the end", "", error));
  }

  /** Asked before an effect starts. Where the lease has ended its runs are let go: somebody else may own them. */
  private leaseHolds(): boolean {
    if (this.options.clock.monotonic() < this.member.deadline()) return true;
    this.loseLease();
    return false;
  }

  private loseLease(): void {
    this.member.end();
    this.owner.loseAll();
  }

  private track(promise: Promise<unknown>): Promise<void> {
    const tracked = promise
      .then(() => undefined)
      .catch((error: unknown) => {
        this.options.problem("a run could not be given back", "", error);
        this.claims.doubt();
      })
      .finally(() => this.releases.delete(tracked));
    this.releases.add(tracked);
    return tracked;
  }
}
