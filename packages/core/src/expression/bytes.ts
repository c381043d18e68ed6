import { failed, type Runtime } from "./runtime.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 of the UTF-8 bytes of a text. */
export function encodeBase64(rt: Runtime, text: string): string {
  rt.charge(text.length >> 2);
  rt.room(Math.ceil((text.length * 4) / 3));
  const bytes = utf8(text);
  let out = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes[at]!, bytes[at + 1], bytes[at + 2]];
    const bits = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    out += ALPHABET[bits >> 18]! + ALPHABET[(bits >> 12) & 63]!;
    out += b === undefined ? "==" : ALPHABET[(bits >> 6) & 63]! + (c === undefined ? "=" : ALPHABET[bits & 63]!);
  }
  return rt.text(out);
}

/** The text whose UTF-8 bytes a base64 text holds. The alphabet of URLs is read too. */
export function decodeBase64(rt: Runtime, text: string): string {
  rt.charge(text.length >> 2);
  const plain = text.replaceAll("-", "+").replaceAll("_", "/").replaceAll(/[\s=]/g, "");
  if (plain.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(plain)) throw failed("the text is not base64");
  let encoded = "";
  let [bits, count] = [0, 0];
  for (let at = 0; at < plain.length; at++) {
    bits = ((bits << 6) | ALPHABET.indexOf(plain[at]!)) & 0xffffff;
    if ((count += 6) < 8) continue;
    count -= 8;
    encoded += "%" + ((bits >> count) & 0xff).toString(16).padStart(2, "0");
  }
  try {
    return rt.text(decodeURIComponent(encoded));
  } catch {
    throw failed("the base64 text holds bytes that are not UTF-8");
  }
}

/** The UTF-8 bytes of a text. Core has no encoder of its host, so this is written out. */
function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (const char of text.toWellFormed()) {
    const code = char.codePointAt(0)!;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return bytes;
}

/** A text as a part of a URL. In a path the slash stands; in a query a blank becomes `+`. */
export function quoteUrl(rt: Runtime, text: string, inQuery: boolean): string {
  rt.charge(text.length >> 4);
  rt.room(text.length * 3);
  const quoted = encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (char) => "%" + char.charCodeAt(0).toString(16).toUpperCase(),
  );
  return inQuery ? quoted.replaceAll("%20", "+") : quoted.replaceAll("%2F", "/");
}
