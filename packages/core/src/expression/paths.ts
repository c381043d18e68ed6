import { describe } from "./describe.ts";
import { ProblemError } from "./problem.ts";
import { failed } from "./runtime.ts";
import type { MemberNode, Node } from "./syntax.ts";

/** Names that one path may have. */
const NAMES_MAX = 150;

/** The name after the dot or in the brackets, when it stands in the source. */
export function staticKey({ property, computed }: MemberNode): string | null {
  if (property.type === "IntegerLiteral") return String(property.value);
  if (property.type === "Identifier") return computed ? null : property.value;
  return property.type === "StringLiteral" ? property.value : null;
}

/** The names from a root to a member, when all of them stand in the source. */
export function staticPath(node: MemberNode): readonly string[] | null {
  const path: string[] = [];
  let at: Node = node;
  while (at.type === "MemberExpression") {
    const key = staticKey(at);
    if (key === null) return null;
    path.push(key);
    if (path.length > NAMES_MAX) throw new ProblemError(`a path has more than ${NAMES_MAX} names`, 0);
    at = at.object;
  }
  if (at.type !== "Identifier") return null;
  path.push(at.value);
  return path.toReversed();
}

export function undefinedMember(node: MemberNode): Error {
  return failed(`${describe(node)}: '${describe(node.object)}' is undefined`);
}

/** The error of a path whose last `missing` names were not reached. */
export function undefinedPath(node: MemberNode, missing: number): Error {
  let at: Node = node;
  for (let left = missing; left > 1 && at.type === "MemberExpression"; left--) at = at.object;
  return failed(`${describe(node)}: '${describe((at as MemberNode).object)}' is undefined`);
}
