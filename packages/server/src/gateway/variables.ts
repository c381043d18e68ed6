import type { Json, JsonObject } from "@weftwork/core";
import { isJsonObject } from "@weftwork/core";

/** A mistake of the configuration: where, what, and what to write instead. It never repeats a value of a variable. */
export interface ConfigMistake {
  /** JSON Pointer into the configuration. */
  readonly pointer: string;
  readonly message: string;
  readonly suggestion: string | null;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g;
const INNER = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:(:-|:\?)([\s\S]*))?$/;

/**
 * Replaces the variables in all texts of a value, after it was parsed, so that a value can never become syntax:
 * `${NAME}`, `${NAME:-default}` (also when empty), `${NAME:?what to do}`, and `$${` for a literal `${`.
 */
export function withVariables(value: Json, environment: Environment, pointer: string, mistakes: ConfigMistake[]): Json {
  if (typeof value === "string") return replaced(value, environment, pointer, mistakes);
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map((item, at) => withVariables(item, environment, `${pointer}/${at}`, mistakes));
  }
  if (!isJsonObject(value)) return value;
  const result: Record<string, Json> = Object.create(null) as Record<string, Json>;
  for (const [key, member] of Object.entries<Json>(value satisfies JsonObject)) {
    result[key] = withVariables(member, environment, pointer + pointerPart(key), mistakes);
  }
  return result;
}

/** One step of a JSON Pointer (RFC 6901). */
export function pointerPart(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function replaced(text: string, environment: Environment, pointer: string, mistakes: ConfigMistake[]): string {
  return text.replaceAll(REFERENCE, (whole, inner: string | undefined) => {
    if (inner === undefined) return "${";
    const [, name, mark, rest = ""] = INNER.exec(inner) ?? [];
    if (name === undefined) {
      mistakes.push({
        pointer,
        message: `${whole} names no variable`,
        suggestion: "Write ${NAME}; for the text itself, $${.",
      });
      return "";
    }
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value !== undefined && (value !== "" || mark === undefined)) return value;
    if (mark === ":-") return rest;
    const suggestion = mark === ":?" && rest !== "" ? `${rest.trim()}.` : `Set ${name}, or write \${${name}:-default}.`;
    mistakes.push({ pointer, message: `the environment variable ${name} is not set`, suggestion });
    return "";
  });
}
