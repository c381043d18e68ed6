const LENGTH_MAX = 64;

/** The name of a function as all model protocols take it. May be empty. */
export function functionName(text: string): string {
  return text
    .replaceAll(/[^A-Za-z0-9_-]+/g, "_")
    .replaceAll(/^_+|_+$/g, "")
    .slice(0, LENGTH_MAX);
}

/**
 * A name that no tool has yet: its own, else with its set before it, else with a number behind it. The order of the
 * tools decides, so the same tools always get the same names.
 */
export function freeName(taken: ReadonlySet<string>, set: string, name: string): string {
  const own = functionName(name) || "tool";
  if (!taken.has(own)) return own;
  const long = functionName(`${set}_${name}`) || own;
  for (let number = 1; ; number++) {
    const end = number === 1 ? "" : `_${number}`;
    const free = long.slice(0, LENGTH_MAX - end.length) + end;
    if (!taken.has(free)) return free;
  }
}

/** What an author's reference to a tool means. */
export type ReadReference =
  | { readonly kind: "workflow"; readonly workflow: string; readonly version: string | null }
  /** `tool` null: a builtin tool, or all tools of a set. */
  | { readonly kind: "tool"; readonly set: string; readonly tool: string | null };

/** Reads `name`, `set/tool`, `workflow:NAME` and `workflow:NAME@VERSION`; null for all else. */
export function readReference(text: string): ReadReference | null {
  const reference = text.trim();
  if (reference.startsWith("workflow:")) {
    const [, workflow, version = null] = /^workflow:([^@]+)(?:@(.+))?$/.exec(reference) ?? [];
    return workflow === undefined ? null : { kind: "workflow", workflow, version };
  }
  const at = reference.indexOf("/");
  if (at === -1) return reference === "" ? null : { kind: "tool", set: reference, tool: null };
  const [set, tool] = [reference.slice(0, at), reference.slice(at + 1)];
  return set === "" || tool === "" ? null : { kind: "tool", set, tool };
}
