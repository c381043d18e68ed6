/**
 * Loaded before a process under test (`--import`): its clock is wrong by `CHAOS_CLOCK_MS`, and drifts by another
 * `CHAOS_DRIFT_MS` each minute. The monotonic clock stays as it is.
 */
const [by, drift] = [Number(process.env["CHAOS_CLOCK_MS"] ?? 0), Number(process.env["CHAOS_DRIFT_MS"] ?? 0)];
const Right = Date;
const now = (): number => Right.now() + by + Math.round((performance.now() / 60_000) * drift);

class WrongDate extends Right {
  constructor(...given: readonly []) {
    // Without an argument it is the present time; with one, what the argument says.
    super(...((given.length === 0 ? [now()] : given) as unknown as readonly []));
  }

  static override now(): number {
    return now();
  }
}

globalThis.Date = WrongDate as DateConstructor;
