import type { Json } from "@weftwork/core";
import { checkMembers, type MemberRule } from "./members.ts";

/**
 * The parameters of a query, checked against a table. One that is given several times is their list, joined by commas;
 * one that is empty is as if it were left out. Unknown ones are refused: a filter that is passed over in silence shows
 * the wrong runs.
 */
export function readQuery<Name extends string>(
  query: unknown,
  rules: Readonly<Record<Name, MemberRule>>,
): Readonly<Partial<Record<Name, string>>> {
  const given: Record<string, Json> = Object.create(null) as Record<string, Json>;
  for (const [name, value] of Object.entries((query ?? {}) as Readonly<Record<string, string | readonly string[]>>)) {
    const text = typeof value === "string" ? value : value.join(",");
    if (text !== "") given[name] = text;
  }
  checkMembers(given, rules);
  return given as Readonly<Partial<Record<Name, string>>>;
}
