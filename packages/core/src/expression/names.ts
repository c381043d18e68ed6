import { isPrototypeName } from "../base/json.ts";

/**
 * Names that no expression may speak, wherever it reads a member: those that lead to a prototype in the host, and
 * those with two leading underscores, which lead to the classes of Python in every public attack on Jinja.
 */
export function isRefusedName(name: string): boolean {
  return isPrototypeName(name) || name.startsWith("__");
}

/** For names that stand in the source. */
export function refusedNameReason(name: string): string {
  return `the name '${name}' cannot be read in expressions`;
}

/** For names that were computed: they are values, and no error shows a value. */
export const REFUSED_NAME = "a name that leads to a prototype, or that begins with two underscores, cannot be read";

/** Words with a meaning of their own, which no variable can have as its name. */
export const KEYWORDS: ReadonlySet<string> = new Set(["and", "or", "not", "in", "is", "if", "else"]);

/** Stand-ins that `rewrite` puts into the token stream. No author can write them: names hold no brackets. */
export const GROUP = "(group)";
export const TUPLE = "(tuple)";
export const WITH = "(with)";
export const DO = "(do)";
/** Before the name of a test that was turned into a filter: `x is odd` is `x | "is odd"`. */
export const TEST = "is ";
export const TEST_NOT = "is not ";
