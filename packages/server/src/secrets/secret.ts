import { inspect } from "node:util";

/** What stands in the place of a secret. */
export const SHOWN = "***";

/**
 * A text that must not be seen: it goes out with a request and nowhere else. Whatever prints, joins or serialises it
 * gets `***`; only `reveal` gives the text, so every place that can leak it is found by that word.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [Symbol.toPrimitive](): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}
