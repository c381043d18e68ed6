/** The known name that was most likely meant: the same last part, or few letters away; null when none is near. */
export function nearestName(wanted: string, names: Iterable<string>): string | null {
  let best: string | null = null;
  let least = Infinity;
  for (const name of names) {
    const apart = Math.min(distance(wanted.toLowerCase(), name.toLowerCase()), distance(tail(wanted), tail(name)));
    if (apart < least && apart <= Math.ceil(tail(wanted).length / 3)) [best, least] = [name, apart];
  }
  return best;
}

function tail(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1).toLowerCase();
}

/** How many letters must be put in, left out or replaced to make one word of the other. */
function distance(from: string, to: string): number {
  if (from.length > 200 || to.length > 200) return Infinity;
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1;
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same));
    }
    row = next;
  }
  return row[to.length]!;
}
