// `groupby` answers pairs that are lists and have names too. The names are kept aside: the pair stays plain JSON.
const groups = new WeakSet<readonly unknown[]>();

/** A pair of `groupby`: unpacks to two names, and reads as `.grouper` and `.list`. */
export function asGroup(grouper: unknown, list: readonly unknown[]): readonly [unknown, readonly unknown[]] {
  const pair = [grouper, list] as const;
  groups.add(pair);
  return pair;
}

export function groupMember(pair: readonly unknown[], name: string): unknown {
  if (name !== "grouper" && name !== "list") return undefined;
  return groups.has(pair) ? pair[name === "grouper" ? 0 : 1] : undefined;
}
