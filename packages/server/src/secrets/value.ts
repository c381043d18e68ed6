import { AppError } from "@weftwork/core";
import { readHost, type HostPattern } from "./hosts.ts";
import { FORM_LENGTH_MIN } from "./forms.ts";
import { Secret } from "./secret.ts";

const VALUE_LENGTH_MAX = 16_384;
const HOSTS_MAX = 100;

/** A text as the value of a secret, or `SECRET_INVALID`. Says nothing of the text but its length. */
export function secretValue(name: string, text: string): Secret {
  const invalid = (reason: string): AppError => new AppError("SECRET_INVALID", { secret: name, reason });
  // Files and pipes end with a line break that nobody means.
  const value = text.replace(/\r?\n$/, "");
  if (value.length < FORM_LENGTH_MIN)
    throw invalid(`it has ${value.length} characters; fewer than ${FORM_LENGTH_MIN} cannot be hidden in outputs`);
  if (value.length > VALUE_LENGTH_MAX)
    throw invalid(`it has ${value.length} characters; the limit is ${VALUE_LENGTH_MAX}`);
  if (value.includes("\0") || !value.isWellFormed()) throw invalid("it is not text");
  return new Secret(value);
}

/** The hosts that a secret is bound to, or `SECRET_INVALID`. */
export function secretHosts(name: string, texts: readonly string[]): readonly HostPattern[] {
  const reason = (text: string): string =>
    `${JSON.stringify(text)} is no host; write api.example.com, *.example.com, host:port or http://host`;
  if (texts.length > HOSTS_MAX)
    throw new AppError("SECRET_INVALID", { secret: name, reason: `it has more than ${HOSTS_MAX} hosts` });
  return texts.map((text) => {
    const host = readHost(text);
    if (host === null) throw new AppError("SECRET_INVALID", { secret: name, reason: reason(text.slice(0, 200)) });
    return host;
  });
}
