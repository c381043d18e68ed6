import { isUtf8 } from "node:buffer";

/** The media type of a content type, in lower case and without its parameters; empty where there is none. */
export function typeOf(contentType: string | null): string {
  return contentType?.split(";", 1)[0]!.trim().toLowerCase() ?? "";
}

export function isJsonType(contentType: string | null): boolean {
  return /^(application|text)\/([^;]+\+)?json$/.test(typeOf(contentType));
}

const TEXT_TYPES =
  /^(text\/|message\/|application\/([\w.-]+\+)?(json|xml|yaml|x-yaml|javascript|ecmascript|graphql|sql|toml|x-ndjson|jsonl|x-www-form-urlencoded|x-sh|rtf)$)/;
const BINARY_TYPES =
  /^(image|audio|video|font|model)\/|^application\/(pdf|zip|gzip|x-tar|x-7z-compressed|msword|vnd\.)/;

/**
 * Whether an answer is a file rather than a text. What its sender says goes first (`attachment`, the media type); where
 * that says nothing, the first bytes decide: text is UTF-8 without a NUL.
 */
export function isFile(contentType: string | null, disposition: string | null, first: Buffer): boolean {
  if (disposition !== null && /^\s*attachment\b|;\s*filename\*?\s*=/i.test(disposition)) return true;
  const type = typeOf(contentType);
  if (TEXT_TYPES.test(type) || type.endsWith("+json") || type.endsWith("+xml")) return false;
  if (BINARY_TYPES.test(type)) return true;
  return first.includes(0) || !isUtf8(wholeCharacters(first));
}

/** The bytes without a character of UTF-8 that is cut off at their end. */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) break;
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - back);
  }
  return bytes;
}

/** The name in a `content-disposition` (RFC 6266), the encoded form before the plain one; null where there is none. */
export function dispositionName(disposition: string | null): string | null {
  if (disposition === null) return null;
  const encoded = /;\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(disposition)?.[1];
  if (encoded !== undefined) {
    try {
      return decodeURIComponent(encoded);
    } catch {
      // Not what it says it is: the plain form is read instead.
    }
  }
  const [, quoted, bare] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(disposition) ?? [];
  return quoted?.replaceAll(/\\(.)/g, "$1") ?? bare ?? null;
}

/** The last part of a URL's path, decoded; null where there is none. */
export function pathName(url: URL): string | null {
  const part = url.pathname.split("/").at(-1)!;
  try {
    return decodeURIComponent(part) || null;
  } catch {
    return part || null;
  }
}
