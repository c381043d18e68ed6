import { Shown, type Limit } from "./limit.ts";

export interface GradientSettings {
  readonly start: number;
  readonly min: number;
  readonly max: number;
  /** How many times the usual time a call may take before the limit falls. */
  readonly tolerance: number;
  /** Share of the new value in each step, 0 to 1. */
  readonly smoothing: number;
  /** Calls that may wait at the target, so that it never runs dry. */
  readonly queue: number;
  /** Samples over which the usual time is averaged, and those at first that count alike. */
  readonly window: number;
  readonly warmUp: number;
}

export const GRADIENT_DEFAULTS: GradientSettings = {
  start: 20,
  min: 4,
  max: 200,
  tolerance: 1.5,
  smoothing: 0.2,
  queue: 4,
  window: 600,
  warmUp: 10,
};

export interface GradientState {
  readonly limit: number;
  /** The usual time of a call, in milliseconds. */
  readonly longMs: number;
  /** Samples so far, up to the end of the warm-up. */
  readonly samples: number;
}

/**
 * The next state of Gradient2 after one call (Netflix concurrency-limits): the limit follows the ratio of the usual time
 * to that of this call. A limit that is not half used is left alone, for it says nothing.
 */
export function gradientStep(
  state: GradientState,
  rttMs: number,
  inflight: number,
  settings: GradientSettings,
): GradientState {
  const { tolerance, smoothing, queue, min, max } = settings;
  // A call takes some time: a clock that shows none must not make the ratio infinite.
  const short = Math.max(rttMs, 0.001);
  const samples = Math.min(state.samples + 1, settings.warmUp + 1);
  const weight = samples <= settings.warmUp ? 1 / samples : 2 / (settings.window + 1);
  let longMs = state.longMs + (short - state.longMs) * weight;
  // The target has become fast again: what was usual under load is forgotten sooner.
  if (longMs / short > 2) longMs *= 0.95;
  if (inflight < state.limit / 2) return { limit: state.limit, longMs, samples };
  const gradient = Math.min(1, Math.max(0.5, (tolerance * longMs) / short));
  const wanted = state.limit * gradient + queue;
  const limit = Math.min(max, Math.max(min, (1 - smoothing) * state.limit + smoothing * wanted));
  return { limit, longMs, samples };
}

/** For targets whose calls cost about the same (O1): database lanes, object stores, HTTP targets. */
export function gradientLimit(given: Partial<GradientSettings> = {}): Limit {
  const settings = { ...GRADIENT_DEFAULTS, ...given };
  const start = Math.min(settings.max, Math.max(settings.min, settings.start));
  let state: GradientState = { limit: start, longMs: 0, samples: 0 };
  const shown = new Shown(start);
  return {
    current: () => shown.current,
    sample(rttMs, inflight) {
      state = gradientStep(state, rttMs, inflight, settings);
      shown.set(state.limit);
    },
    onChange: (listener) => shown.listen(listener),
  };
}
