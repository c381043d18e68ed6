import type { RunMessage } from "@weftwork/sdk";
import { say } from "./language.ts";

/** Shows an answer as it comes. What was shown and does not hold is told, and the answer begun again on a new line. */
export class ShownAnswer {
  private text = "";
  private readonly write: (text: string) => void;
  private readonly tell: (line: string) => void;

  constructor(write: (text: string) => void, tell: (line: string) => void) {
    this.write = write;
    this.tell = tell;
  }

  take({ event, data }: RunMessage): void {
    if (event !== "answer_delta") return;
    this.put(Number(data["offset"]), String(data["text"]));
  }

  /** The answer as it is recorded: where the stream was cut short the rest is shown. */
  end(answer: string): void {
    let same = 0;
    while (same < answer.length && answer[same] === this.text[same]) same += 1;
    this.put(same, answer.slice(same));
    if (this.text !== "" && !this.text.endsWith("\n")) this.write("\n");
  }

  /** Something else is shown now. */
  pause(): void {
    if (this.text !== "" && !this.text.endsWith("\n")) this.write("\n");
  }

  private put(offset: number, text: string): void {
    if (offset < this.text.length && (text !== "" || offset === 0)) {
      this.write("\n");
      this.tell(say("chat.again"));
      this.write(this.text.slice(0, offset));
    }
    this.text = this.text.slice(0, offset) + text;
    this.write(text);
  }
}
