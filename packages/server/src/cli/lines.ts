import { createInterface, type Interface } from "node:readline";

/** Lines of standard input, one when it is asked for. Those that come before are kept. */
export class Lines {
  /** Called at Ctrl-C. */
  onInterrupt: () => void = () => {};
  private readonly reader: Interface;
  private readonly kept: string[] = [];
  private ended = false;
  private waiting: ((line: string | null) => void) | null = null;

  constructor(input: NodeJS.ReadStream, output: NodeJS.WriteStream) {
    const isTerminal = input.isTTY && output.isTTY;
    this.reader = createInterface({ input, ...(isTerminal ? { output } : {}), terminal: isTerminal });
    this.reader.on("line", (line) => this.take(line));
    this.reader.on("close", () => {
      this.ended = true;
      this.waiting?.(null);
      this.waiting = null;
    });
    // A terminal in raw mode sends the key; anything else the signal.
    this.reader.on("SIGINT", () => this.onInterrupt());
    process.on("SIGINT", this.interrupted);
  }

  private readonly interrupted = (): void => this.onInterrupt();

  /** The next line; null at the end of the input. The prompt is shown on a terminal only. */
  next(prompt: string): Promise<string | null> {
    const line = this.kept.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.ended) return Promise.resolve(null);
    if (this.reader.terminal) {
      this.reader.setPrompt(prompt);
      this.reader.prompt();
    }
    return new Promise((resolve) => (this.waiting = resolve));
  }

  /** Whoever waits for a line gets none. */
  abandon(): void {
    this.waiting?.(null);
    this.waiting = null;
  }

  close(): void {
    process.off("SIGINT", this.interrupted);
    this.reader.close();
  }

  private take(line: string): void {
    if (this.waiting === null) this.kept.push(line);
    else this.waiting(line);
    this.waiting = null;
  }
}
