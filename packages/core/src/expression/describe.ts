import type { Node } from "./syntax.ts";

/** The way to a value as the author wrote it, for error texts. Holds names and keys of the source, never values. */
export function describe(node: Node): string {
  switch (node.type) {
    case "Identifier":
      return node.value;
    case "MemberExpression":
      return describe(node.object) + describeKey(node.property, node.computed);
    case "CallExpression":
      return `${describe(node.callee)}(…)`;
    case "FilterExpression":
      return `${describe(node.operand)} | ${node.filter.type === "Identifier" ? node.filter.value : describe(node.filter)}`;
    default:
      return "the value";
  }
}

function describeKey(property: Node, computed: boolean): string {
  switch (property.type) {
    case "Identifier":
      return computed ? `[${property.value}]` : `.${property.value}`;
    case "IntegerLiteral":
      return computed ? `[${property.value}]` : `.${property.value}`;
    case "StringLiteral":
      return `['${property.value}']`;
    case "SliceExpression":
      return "[:]";
    default:
      return "[…]";
  }
}
