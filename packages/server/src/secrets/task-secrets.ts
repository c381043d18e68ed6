import { AppError, type SecretNeeds } from "@weftwork/core";
import { randomBytes } from "node:crypto";
import { Mask } from "./mask.ts";
import { checkTarget, type BoundSecret } from "./secrets.ts";

/** Stands for the number of a task in keys of results; as unknown outside as those are. */
const ANY_TASK = randomBytes(16).toString("hex");

/**
 * The secrets of one task. Its config has marks in their places; a mark holds a number that nobody outside the task has
 * seen, so no data can pretend to be one, and it is spelt with characters that URLs, headers and JSON leave as they are.
 */
export class TaskSecrets {
  /** Hides every secret that was revealed, and the marks. */
  readonly mask = new Mask();
  private readonly needs: SecretNeeds;
  private readonly nonce = randomBytes(16).toString("hex");
  private readonly pattern = new RegExp(`weft-secret\\.([A-Z][A-Z0-9_]*)\\.${this.nonce}`, "g");
  private hasRevealed = false;
  private found: ReadonlyMap<string, BoundSecret | AppError> = new Map();

  constructor(needs: SecretNeeds) {
    this.needs = needs;
    for (const name of needs.names) this.mask.hide(this.markOf(name));
  }

  /** What stands in the config where the author wrote `secrets.NAME`. */
  markOf(name: string): string {
    return `weft-secret.${name}.${this.nonce}`;
  }

  /** The same in every task, for keys of results. */
  stable(text: string): string {
    return text.replaceAll(this.nonce, ANY_TASK);
  }

  take(found: ReadonlyMap<string, BoundSecret | AppError>): void {
    this.found = found;
  }

  /** The same bytes with every secret taken out that was revealed so far. */
  hide(bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    return this.hasRevealed ? this.mask.bytes(bytes) : bytes;
  }

  /**
   * The text with every mark replaced by its secret. Throws `SECRET_NOT_FOUND`, why a secret cannot be read, or
   * `SECRET_NOT_ALLOWED`.
   */
  reveal(text: string, target: URL): string {
    if (!text.includes(this.nonce)) return text;
    return text.replaceAll(this.pattern, (_, name: string) => {
      const secret = this.found.get(name);
      if (secret === undefined) throw new AppError("SECRET_NOT_FOUND", { secret: name });
      if (secret instanceof AppError) throw secret;
      checkTarget(secret, target, this.needs);
      const value = secret.value.reveal();
      // Before it is out of hand: what follows may throw with the value in its words.
      this.mask.add(value);
      this.hasRevealed = true;
      return value;
    });
  }
}
