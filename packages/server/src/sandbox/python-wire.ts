/** A job as one line of JSON on the child's standard input. */
export interface ChildJob {
  readonly id: string;
  readonly code: string;
  /** JSON text; parsed inside. */
  readonly input: string;
  readonly call: "value" | "members";
  readonly outputBytes: number;
}

/**
 * Lines of JSON on the child's standard output. `id` is a random number of the job, so that nothing that is late or made
 * up is taken for an answer.
 */
export type ChildMessage =
  | { readonly type: "ready" }
  | { readonly type: "log"; readonly id: string; readonly level: "info" | "warn" | "error"; readonly line: string }
  /** `result` is JSON text, shaped like a result. `memoryBytes` is how far the interpreter has grown. */
  | { readonly type: "ended"; readonly id: string; readonly result: string; readonly memoryBytes: number };

/** One line. JSON keeps two characters as they are that readers of lines take for an end (U+2028 and U+2029). */
export function lineOf(message: ChildJob | ChildMessage): string {
  return `${JSON.stringify(message).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029")}\n`;
}
