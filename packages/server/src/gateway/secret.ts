import { inspect } from "node:util";

const SHOWN = "***";

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

/** Shorter texts are found in innocent words everywhere. */
const MASKED_LENGTH_MIN = 4;

/** The text with every secret in it replaced, also where that is encoded for a URL or in base64. */
export function masked(text: string, secrets: readonly Secret[]): string {
  let result = text;
  for (const secret of secrets) {
    const value = secret.reveal();
    if (value.length < MASKED_LENGTH_MIN) continue;
    const forms = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), base64(value)];
    for (const form of forms) result = result.replaceAll(form, SHOWN);
  }
  return result;
}

function base64(value: string): string {
  return Buffer.from(value, "utf8").toString("base64");
}
