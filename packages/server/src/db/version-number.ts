/** A version number that can be raised: `1.4.2`, with what semantic versioning lets follow (`-beta.1`, `+build`). */
const FORM = /^(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(?:\+.*)?$/;

/**
 * The number that a version without one of its own gets: one patch above the highest that is there, `0.0.1` when there
 * is none. A pre-release is followed by the version it leads to. Versions of another form are passed over.
 */
export function nextVersion(taken: Iterable<string>): string {
  let highest: readonly [number, number, number, boolean] | null = null;
  for (const version of taken) {
    const match = FORM.exec(version);
    if (!match) continue;
    const numbers = [Number(match[1]), Number(match[2]), Number(match[3]), match[4] !== undefined] as const;
    if (highest === null || isHigher(numbers, highest)) highest = numbers;
  }
  if (highest === null) return "0.0.1";
  const [major, minor, patch, isPreRelease] = highest;
  return `${major}.${minor}.${isPreRelease ? patch : patch + 1}`;
}

type Numbers = readonly [major: number, minor: number, patch: number, isPreRelease: boolean];

/** Pre-releases of one version count alike: what follows any of them is that version. */
function isHigher(a: Numbers, b: Numbers): boolean {
  for (const at of [0, 1, 2] as const) if (a[at] !== b[at]) return a[at] > b[at];
  return b[3] && !a[3];
}
