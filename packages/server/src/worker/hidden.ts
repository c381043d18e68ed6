import { Payload } from "@weftwork/core";
import type { Failure, TaskOutcome } from "@weftwork/core";
import type { TaskPart } from "../nodes/node.ts";
import type { Mask, MaskedStream } from "../secrets/mask.ts";

/** Takes the secrets of a task out of all that it gives back. */
export class Hidden {
  private readonly mask: Mask;
  private readonly texts: Readonly<Record<"text_delta" | "reasoning_delta", MaskedStream>>;
  private readonly emit: (part: TaskPart) => void;

  constructor(mask: Mask, emit: (part: TaskPart) => void) {
    this.mask = mask;
    this.texts = { text_delta: mask.stream(), reasoning_delta: mask.stream() };
    this.emit = emit;
  }

  /** Text may come later than it was given: a secret can be cut into several pieces. */
  part(part: TaskPart): void {
    if (part.type === "log") this.emit({ ...part, message: this.mask.text(part.message) });
    else this.tell(part.type, this.texts[part.type].push(part.text));
  }

  /** The end of the task: what was held back goes out before it. */
  outcome(outcome: TaskOutcome): TaskOutcome {
    this.tell("reasoning_delta", this.texts.reasoning_delta.end());
    this.tell("text_delta", this.texts.text_delta.end());
    switch (outcome.type) {
      case "completed":
        return { ...outcome, output: Payload.of(this.mask.value(outcome.output.value)) };
      case "failed":
        return { ...outcome, failure: this.failure(outcome.failure) };
      case "parked":
        return { ...outcome, reason: this.mask.text(outcome.reason) };
    }
  }

  private failure({ code, message, retryable, details }: Failure): Failure {
    const hidden = { code: this.mask.text(code), message: this.mask.text(message), retryable };
    return details === undefined ? hidden : { ...hidden, details: this.mask.object(details) };
  }

  private tell(type: "text_delta" | "reasoning_delta", text: string): void {
    if (text !== "") this.emit({ type, text });
  }
}
