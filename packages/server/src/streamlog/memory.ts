import { comparePlaces, type StandingText, type StreamLog, type StreamPiece } from "./streamlog.ts";

/** Pieces in the memory of the process, as long as it lives. The specification of the other drivers. */
export function memoryStreamLog(): StreamLog {
  const runs = new Map<number, StreamPiece[]>();

  function add(piece: StreamPiece): void {
    const pieces = runs.get(piece.runKey);
    if (!pieces) return void runs.set(piece.runKey, [piece]);
    const at = placeOf(pieces, piece);
    const there = pieces[at - 1];
    if (!there || comparePlaces(there, piece) !== 0) pieces.splice(at, 0, piece);
    return undefined;
  }

  return {
    shared: false,
    async append(pieces) {
      for (const piece of pieces) add(piece);
    },
    async read(runKey, { behind, limit, type, node }) {
      const found: StreamPiece[] = [];
      const pieces = runs.get(runKey) ?? [];
      for (let at = placeOf(pieces, behind); at < pieces.length && found.length < limit; at++) {
        const piece = pieces[at]!;
        if ((type === undefined || piece.type === type) && (node === undefined || piece.node === node))
          found.push(piece);
      }
      return found;
    },
    async standing(runKeys) {
      return runKeys.flatMap((runKey) => standingOf(runKey, runs.get(runKey) ?? []));
    },
    async quietRuns(before, afterKey, limit) {
      const quiet = [...runs].filter(([key, pieces]) => key > afterKey && pieces.at(-1)!.at < before);
      return quiet
        .map(([key]) => key)
        .toSorted((a, b) => a - b)
        .slice(0, limit);
    },
    async remove(runKeys) {
      for (const key of runKeys) runs.delete(key);
    },
    async close() {
      runs.clear();
    },
  };
}

/** How many of the pieces, which are in order, do not stand behind a place. */
function placeOf(pieces: readonly StreamPiece[], place: Parameters<typeof comparePlaces>[0]): number {
  let [low, high] = [0, pieces.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePlaces(pieces[middle]!, place) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function standingOf(runKey: number, pieces: readonly StreamPiece[]): StandingText[] {
  const last = new Map<string, StreamPiece>();
  for (const piece of pieces)
    if (piece.type === "text_delta" || piece.type === "attempt_superseded")
      last.set(JSON.stringify([piece.scope, piece.node]), piece);
  return [...last.values()]
    .filter(({ type }) => type === "text_delta")
    .map(({ scope, node, attempt }) => ({ runKey, scope, node, attempt }));
}
