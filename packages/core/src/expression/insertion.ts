import type { Node } from "./syntax.ts";

/**
 * Whether every reading of a root is a plain insertion of a named member into the text: `{{ root.NAME }}`, or joined to
 * other text by `~`. Branches and loops may choose whether it is inserted, but only by looking at something else.
 *
 * The tree is walked with a stack of its own: a long sum is a deep tree.
 */
export function insertsOnly(nodes: readonly Node[], root: string): boolean {
  const open = [...nodes];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.type === "MemberExpression" && isNamed(node.object, root)) {
      if (node.property.type !== (node.computed ? "StringLiteral" : "Identifier")) return false;
    } else if (node.type === "BinaryExpression" && node.operator.value === "~") {
      open.push(node.left, node.right);
    } else if (node.type === "If") {
      if (mentions([node.test], root)) return false;
      open.push(...node.body, ...node.alternate);
    } else if (node.type === "For") {
      if (mentions([node.loopvar, node.iterable], root)) return false;
      open.push(...node.body, ...node.defaultBlock);
    } else if (mentions([node], root)) {
      return false;
    }
  }
  return true;
}

function isNamed(node: Node, name: string): boolean {
  return node.type === "Identifier" && node.value === name;
}

/** Whether an identifier of that name stands anywhere in parts of the tree. */
function mentions(parts: readonly unknown[], root: string): boolean {
  const open = [...parts];
  while (open.length > 0) {
    const part = open.pop();
    if (typeof part !== "object" || part === null) continue;
    if (isNamed(part as Node, root)) return true;
    for (const member of part instanceof Map ? [...part.keys(), ...part.values()] : Object.values(part))
      open.push(member);
  }
  return false;
}
