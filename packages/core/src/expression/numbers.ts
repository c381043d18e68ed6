/** Whole numbers as `int(text, base)` of Python reads them, or null. */
export function parseWhole(text: string, base: number): number | null {
  const match = /^([+-]?)(0[xXoObB])?([0-9a-zA-Z]+(?:_[0-9a-zA-Z]+)*)$/.exec(text.trim());
  if (!match) return null;
  const prefix = match[2]?.toLowerCase();
  const implied = prefix === undefined ? 10 : prefix === "0x" ? 16 : prefix === "0o" ? 8 : 2;
  if (prefix !== undefined && base !== 0 && base !== implied) {
    // In base 16 `0b1` is no binary number but three digits.
    return digits(match[1]!, match[2]! + match[3]!, base);
  }
  return digits(match[1]!, match[3]!, base === 0 ? implied : base);
}

function digits(sign: string, text: string, base: number): number | null {
  if (text.length > 400) return null;
  let value = 0;
  for (const char of text.replaceAll("_", "")) {
    const digit = Number.parseInt(char, 36);
    if (!(digit < base)) return null;
    value = value * base + digit;
  }
  if (base === 10) value = Number(text.replaceAll("_", ""));
  return Number.isFinite(value) ? (sign === "-" ? -value : value) + 0 : null;
}

/** Numbers as `float(text)` of Python reads them, or null; infinities and NaN are no JSON numbers and null too. */
export function parseFloating(text: string): number | null {
  const plain = text.trim();
  if (!/^[+-]?(\d[\d_]*(\.[\d_]*)?|\.\d[\d_]*)([eE][+-]?\d+)?$/.test(plain) || /__|_(?!\d)|(?<!\d)_/.test(plain))
    return null;
  const value = Number(plain.replaceAll("_", ""));
  return Number.isFinite(value) ? value : null;
}

/** Digits after the point that a number can be written or rounded to. */
export const PRECISION_MAX = 100;

/** A number with that many digits after the point. Exact halves go to the even digit, as in Python. */
export function fixedDigits(value: number, precision: number): string {
  const size = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (size >= 1e21) return sign + BigInt(size).toString() + (precision > 0 ? "." + "0".repeat(precision) : "");
  const rounded = size.toFixed(precision);
  if (precision >= PRECISION_MAX) return sign + rounded;
  // The host rounds exact halves up; a double has at most 1074 digits, but a half ends with its first.
  const exact = size.toFixed(PRECISION_MAX);
  const cut = exact.indexOf(".") + 1 + precision;
  const isHalf = /^50*$/.test(exact.slice(cut));
  const even = isHalf ? exact.slice(0, precision === 0 ? cut - 1 : cut) : null;
  return sign + (even !== null && Number(even.at(-1)) % 2 === 0 ? even : rounded);
}

/** `round(value, precision)` of Python; below zero it rounds to tens, hundreds and so on. */
export function roundHalfEven(value: number, precision: number): number {
  if (precision >= 0) return Number(fixedDigits(value, Math.min(precision, PRECISION_MAX)));
  const unit = 10 ** Math.min(-precision, 400);
  return Number.isFinite(unit) ? Number(fixedDigits(value / unit, 0)) * unit : 0;
}

/** `%e` of Python: at least two digits of exponent. */
export function exponential(value: number, precision: number): string {
  return value.toExponential(Math.min(precision, PRECISION_MAX)).replace(/e([+-])(\d)$/, "e$10$2");
}

/** `%g` of Python: plain or with an exponent, without trailing zeros. */
export function general(value: number, precision: number, keepZeros = false): string {
  const digitCount = Math.min(Math.max(precision, 1), PRECISION_MAX);
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const power = Number(/e([+-]\d+)$/.exec(value.toExponential(digitCount - 1))![1]);
  const strip = (text: string): string => (keepZeros || !text.includes(".") ? text : text.replace(/\.?0+$/, ""));
  if (power >= -4 && power < digitCount)
    return strip(fixedDigits(value, Math.min(PRECISION_MAX, digitCount - 1 - power)));
  const [mantissa, exponent] = exponential(value, digitCount - 1).split("e") as [string, string];
  return `${strip(mantissa)}e${exponent}`;
}
