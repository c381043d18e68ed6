import {
  byeFrame,
  helloFrame,
  packEmpty,
  packMessages,
  packWants,
  readFrame,
  readMessages,
  type Told,
} from "./frames.ts";
import type { Envelope, OpenWire, Wire } from "./wire.ts";

/** Who wants something says so again this often, give or take a fifth. */
const RENEW_MS = 10_000;
/** What was not said again for so long is not wanted any more. */
const FORGET_MS = 35_000;
/** Answers to one that came back are spread over this time. */
const ANSWER_MS = 50;
/** Messages that are larger are not carried: their receivers are told that they missed something. */
const MESSAGE_CHARS_MAX = 512 * 1024;
/** Characters that may wait for a service that does not keep up; beyond, they are lost. */
const WAITING_CHARS_MAX = 8 * 1024 * 1024;
const ENVELOPES_MAX = 128;
/** What is urgent waits for nothing where nothing was sent for this share of the pause: there is nothing to go with it. */
const QUIET = 1 / 4;
const CLOSE_MS = 500;

export interface ExchangeOptions {
  /** Name of this process among all of them: unique, without spaces, 32 characters at most. */
  readonly process: string;
  readonly wire: OpenWire;
}

export interface ExchangeListener {
  readonly message: (text: string) => void;
  readonly missed: () => void;
}

/** What one other process has sent, as far as it is known here. */
interface Sender {
  /** Number of the frame that comes next. */
  next: number;
  parts: string[];
}

/**
 * Carries messages from the processes that publish to those that listen, and nowhere else: who listens says so to all,
 * and says it again from time to time; who publishes sends to those alone. So a message that nobody wants costs one look
 * into a map, and many small ones share a frame.
 *
 * E1. What one process sends to another is numbered: the receiver learns of what it has missed.
 * E2. A process does not hear itself; its own listeners are served without the wire.
 */
export class Exchange {
  private readonly process: string;
  private readonly wire: Wire;
  private readonly listeners = new Map<string, Set<ExchangeListener>>();
  /** Which processes want a channel, and when they last said so. */
  private readonly wanted = new Map<string, Map<string, number>>();
  private readonly numbers = new Map<string, number>();
  private readonly senders = new Map<string, Sender>();
  /** Changes of what is wanted here that were not told yet. */
  private readonly untold = new Map<string, boolean>();
  private outgoing = new Map<string, Told[]>();
  private outgoingChars = 0;
  private control: Envelope[] = [];
  private sending: Promise<void> | null = null;
  private sentAt = -Infinity;
  private timer: NodeJS.Timeout | null = null;
  private soon: NodeJS.Immediate | null = null;
  private readonly renewal: NodeJS.Timeout;
  private readonly answers = new Set<NodeJS.Timeout>();
  private closed = false;
  /** What this process tells all comes back to itself: notifications do arrive. */
  private echoed = false;

  constructor({ process, wire }: ExchangeOptions) {
    this.process = process;
    this.wire = wire(process, {
      received: (text) => this.received(text),
      up: () => this.up(),
      down: () => {
        this.echoed = false;
        this.tellMissed();
      },
    });
    this.renewal = setInterval(() => this.renew(), RENEW_MS * (0.8 + Math.random() * 0.4)).unref();
  }

  /** Whether what others send is heard here, as far as is known: behind a pooler of transactions it never is. */
  get isHeard(): boolean {
    return this.echoed;
  }

  /** Whether a process other than this one listens, as far as is known here. */
  isWanted(channel: string): boolean {
    return this.wanted.size > 0 && this.wanted.has(channel);
  }

  /**
   * Sends a text to the other processes that listen. `isUrgent`: somebody waits for it, and it is not one of many; it may
   * cost a sending of its own.
   */
  send(channel: string, text: string, isUrgent = false): void {
    const receivers = this.wanted.get(channel);
    if (!receivers || this.closed) return;
    for (const to of receivers.keys()) {
      if (text.length > MESSAGE_CHARS_MAX) {
        this.skip(to);
        continue;
      }
      const told = this.outgoing.get(to);
      if (told) told.push({ channel, text });
      else this.outgoing.set(to, [{ channel, text }]);
      this.outgoingChars += text.length + channel.length;
    }
    if (this.outgoingChars > WAITING_CHARS_MAX) this.lose();
    this.schedule(isUrgent);
  }

  /** Listens to what other processes send, from about now on; the answer ends it. */
  listen(channel: string, listener: ExchangeListener): () => void {
    let listeners = this.listeners.get(channel);
    if (!listeners) {
      this.listeners.set(channel, (listeners = new Set()));
      this.untold.set(channel, true);
      this.schedule();
    }
    listeners.add(listener);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.listeners.delete(channel);
      // What others were never told of needs no taking back.
      if (this.untold.get(channel) === true) this.untold.delete(channel);
      else this.untold.set(channel, false);
      this.schedule();
    };
  }

  /** Says good-bye, where the service still answers, and lets the connection go. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.renewal);
    if (this.timer) clearTimeout(this.timer);
    if (this.soon) clearImmediate(this.soon);
    for (const answer of this.answers) clearTimeout(answer);
    let giveUp: NodeJS.Timeout | undefined;
    await Promise.race([this.sayGoodBye(), new Promise<void>((resolve) => (giveUp = setTimeout(resolve, CLOSE_MS)))]);
    clearTimeout(giveUp);
    await this.wire.close();
    this.listeners.clear();
  }

  private async sayGoodBye(): Promise<void> {
    await this.sending;
    // The last messages first: behind the good-bye they would be those of a stranger.
    await this.flush();
    this.control.push({ to: null, text: byeFrame(this.process) });
    await this.flush();
  }

  private up(): void {
    this.control.push({ to: null, text: helloFrame(this.process) });
    for (const channel of this.listeners.keys()) this.untold.set(channel, true);
    this.tellMissed();
    this.schedule();
  }

  private renew(): void {
    const before = performance.now() - FORGET_MS;
    for (const [channel, receivers] of this.wanted) {
      for (const [process, at] of receivers) if (at < before) receivers.delete(process);
      if (receivers.size === 0) this.wanted.delete(channel);
    }
    for (const channel of this.listeners.keys()) this.untold.set(channel, true);
    this.schedule();
  }

  private received(text: string): void {
    const frame = readFrame(text);
    if (frame?.from === this.process) this.echoed = true;
    if (!frame || frame.from === this.process || this.closed) return;
    const { from } = frame;
    switch (frame.type) {
      case "hello":
        this.answer(from);
        return;
      case "bye":
        for (const channel of this.wanted.keys()) this.wants(from, channel, false);
        this.numbers.delete(from);
        this.senders.delete(from);
        return;
      case "wants":
        for (const channel of frame.channels) this.wants(from, channel, frame.on);
        return;
      case "messages":
        this.counted(from, frame.number).parts = [];
        this.tell(frame.messages);
        return;
      case "part": {
        const sender = this.counted(from, frame.number);
        sender.parts.push(frame.text);
        if (!frame.last) return;
        // Where a part is missing the rest reads as nothing; that something was missed is told already.
        const messages = readMessages(sender.parts.join(""));
        sender.parts = [];
        if (messages) this.tell(messages);
      }
    }
  }

  /** The sender, now that it has sent this number. */
  private counted(from: string, number: number): Sender {
    let sender = this.senders.get(from);
    if (!sender) this.senders.set(from, (sender = { next: 1, parts: [] }));
    if (number !== sender.next) {
      sender.parts = [];
      this.tellMissed();
    }
    sender.next = number + 1;
    return sender;
  }

  private tell(messages: readonly Told[]): void {
    for (const { channel, text } of messages)
      for (const { message } of this.listeners.get(channel) ?? []) message(text);
  }

  private tellMissed(): void {
    for (const listeners of this.listeners.values()) for (const { missed } of listeners) missed();
  }

  private wants(process: string, channel: string, on: boolean): void {
    const receivers = this.wanted.get(channel);
    if (on && receivers) receivers.set(process, performance.now());
    else if (on) this.wanted.set(channel, new Map([[process, performance.now()]]));
    else if (receivers?.delete(process) && receivers.size === 0) this.wanted.delete(channel);
  }

  /** A process has come, or come back: it is told what is wanted here. Not by all at the same moment. */
  private answer(to: string): void {
    if (this.listeners.size === 0) return;
    const answer = setTimeout(() => {
      this.answers.delete(answer);
      for (const text of packWants(this.process, true, [...this.listeners.keys()], this.wire.bytesMax))
        this.control.push({ to, text });
      this.schedule();
    }, Math.random() * ANSWER_MS).unref();
    this.answers.add(answer);
  }

  private schedule(isUrgent = false): void {
    if (this.closed || this.sending || this.soon) return;
    const { pauseMs } = this.wire;
    const quiet = performance.now() - this.sentAt;
    if (quiet >= (isUrgent ? pauseMs * QUIET : pauseMs)) {
      if (this.timer) clearTimeout(this.timer);
      this.timer = null;
      this.soon = setImmediate(() => this.sendNow());
    } else this.timer ??= setTimeout(() => this.sendNow(), pauseMs - quiet);
  }

  private sendNow(): void {
    this.timer = null;
    this.soon = null;
    this.sentAt = performance.now();
    this.sending = this.flush().finally(() => {
      this.sending = null;
      if (this.control.length > 0 || this.untold.size > 0 || this.outgoing.size > 0) this.schedule();
    });
  }

  private async flush(): Promise<void> {
    const envelopes = this.takeEnvelopes();
    try {
      for (let at = 0; at < envelopes.length; at += ENVELOPES_MAX)
        await this.wire.send(envelopes.slice(at, at + ENVELOPES_MAX));
    } catch {
      // The service is away. Receivers see the gap in the numbers; what is wanted here is told when it is back.
    }
  }

  private takeEnvelopes(): readonly Envelope[] {
    const { bytesMax } = this.wire;
    const envelopes = this.control;
    this.control = [];
    for (const on of [true, false]) {
      const channels = [...this.untold].filter(([, wanted]) => wanted === on).map(([channel]) => channel);
      for (const text of packWants(this.process, on, channels, bytesMax)) envelopes.push({ to: null, text });
    }
    this.untold.clear();
    const { outgoing } = this;
    this.outgoing = new Map();
    this.outgoingChars = 0;
    for (const [to, told] of outgoing) {
      const first = (this.numbers.get(to) ?? 0) + 1;
      const frames = packMessages(this.process, first, told, bytesMax);
      this.numbers.set(to, first + frames.length - 1);
      for (const text of frames) envelopes.push({ to, text });
    }
    return envelopes;
  }

  /** One that is too large: the next frame shows that something is missing. */
  private skip(to: string): void {
    this.numbers.set(to, (this.numbers.get(to) ?? 0) + 1);
    const number = this.numbers.get(to)! + 1;
    this.numbers.set(to, number);
    this.control.push({ to, text: packEmpty(this.process, number) });
  }

  private lose(): void {
    const lost = this.outgoing;
    this.outgoing = new Map();
    this.outgoingChars = 0;
    for (const to of lost.keys()) this.skip(to);
  }
}
