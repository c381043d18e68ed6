/**
 * Whether a number is a multiple of another in decimal, as both are written: 0.3 is one of 0.1, though the nearest
 * doubles are not. Exact, for the digits are divided as whole numbers.
 */
export function isMultipleOf(value: number, step: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(step)) return value % step === 0;
  const [a, b] = [decimal(value), decimal(step)];
  const exponent = Math.min(a.exponent, b.exponent);
  return scaled(a, exponent) % scaled(b, exponent) === 0n;
}

interface Decimal {
  readonly digits: bigint;
  /** The value is digits · 10^exponent. */
  readonly exponent: number;
}

function decimal(value: number): Decimal {
  // Always `-d.ddde±dd`: the shortest digits that name this double.
  const [mantissa = "0", power = "0"] = value.toExponential().split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  return { digits: BigInt(whole + fraction), exponent: Number(power) - fraction.length };
}

function scaled({ digits, exponent }: Decimal, to: number): bigint {
  return digits * 10n ** BigInt(exponent - to);
}
