import { member } from "./members.ts";
import { failed, type Runtime } from "./runtime.ts";
import { kindOf } from "./values.ts";

export type Getter = (item: unknown) => unknown;

/** Reads what `attribute="a.b.0"` names of an item. A default takes the place of whatever is undefined on the way. */
export function attributeGetter(rt: Runtime, attribute: unknown, otherwise?: unknown): Getter {
  if (attribute === undefined || attribute === null) return (item) => item;
  const path = attributePath(attribute);
  return (item) => {
    let value = item;
    for (const part of path) {
      rt.charge(1);
      if (value === undefined) throw failed("an attribute is read of an undefined value");
      value = member(rt, value, part);
      if (value === undefined && otherwise !== undefined && otherwise !== null) value = otherwise;
    }
    return value;
  };
}

function attributePath(attribute: unknown): readonly (string | number)[] {
  if (typeof attribute === "number") return [attribute];
  if (typeof attribute !== "string") throw failed(`an attribute is named by text, not by ${kindOf(attribute)}`);
  return attribute.split(".").map((part) => (/^\d{1,9}$/.test(part) ? Number(part) : part));
}

/** What sorting compares: `attribute="a,b"` several in turn; texts in lower case unless told otherwise. */
export function sortKey(rt: Runtime, attribute: unknown, caseSensitive: boolean): Getter {
  const folded: Getter = caseSensitive
    ? (value) => value
    : (value) => (typeof value === "string" ? value.toLowerCase() : value);
  if (typeof attribute !== "string" || !attribute.includes(",")) {
    const get = attributeGetter(rt, attribute);
    return (item) => folded(get(item));
  }
  const getters = attribute.split(",").map((part) => attributeGetter(rt, part.trim()));
  return (item) => getters.map((get) => folded(get(item)));
}
