import { Shown, type Limit } from "./limit.ts";

export interface AimdSettings {
  readonly start: number;
  readonly min: number;
  readonly max: number;
  /** What a refusal leaves of the limit. */
  readonly backoff: number;
  /** Refusals within this time of the last cut belong to it. */
  readonly restMs: number;
}

export const AIMD_DEFAULTS: AimdSettings = { start: 16, min: 2, max: 256, backoff: 0.7, restMs: 1000 };

export interface AimdState {
  readonly limit: number;
  /** When it was cut last; minus infinity: never. */
  readonly cutAt: number;
}

/** The next state after one call: about one more a round while it is used, and a cut when the target refuses. */
export function aimdStep(
  state: AimdState,
  { inflight, dropped, now }: { readonly inflight: number; readonly dropped: boolean; readonly now: number },
  { min, max, backoff, restMs }: AimdSettings,
): AimdState {
  if (dropped) return now - state.cutAt < restMs ? state : { limit: Math.max(min, state.limit * backoff), cutAt: now };
  if (inflight * 2 < state.limit) return state;
  return { ...state, limit: Math.min(max, state.limit + 1 / state.limit) };
}

/**
 * For models and whatever else takes a time that says nothing of its load (O2), because it follows the length of the
 * answer. `now`: milliseconds that never jump.
 */
export function aimdLimit(now: () => number, given: Partial<AimdSettings> = {}): Limit {
  const settings = { ...AIMD_DEFAULTS, ...given };
  const start = Math.min(settings.max, Math.max(settings.min, settings.start));
  let state: AimdState = { limit: start, cutAt: Number.NEGATIVE_INFINITY };
  const shown = new Shown(start);
  return {
    current: () => shown.current,
    sample(_rttMs, inflight, dropped) {
      state = aimdStep(state, { inflight, dropped, now: dropped ? now() : 0 }, settings);
      shown.set(state.limit);
    },
    onChange: (listener) => shown.listen(listener),
  };
}
