const NAME_BYTES_MAX = 255;
const TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;
const UNKNOWN_TYPE = "application/octet-stream";

/**
 * A name for people, out of whatever was sent: the last part of a path, without control characters and without those
 * that turn the direction of writing (`gnp.exe` must not read `exe.png`). It is never part of a path here; what other
 * programs make of it should be harmless too.
 */
export function fileName(given: string): string {
  const last = given.toWellFormed().normalize("NFC").split(/[/\\]/).at(-1)!;
  const plain = last
    // oxlint-disable-next-line no-control-regex
    .replaceAll(/[\u0000-\u001F\u007F-\u009F\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g, "")
    .replace(/^[\s.]+$/, "")
    .trim();
  return cut(plain) || "file";
}

/** At most 255 bytes of UTF-8, as file systems have it; the extension stays. */
function cut(name: string): string {
  if (Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  const extension = /\.[A-Za-z0-9]{1,16}$/.exec(name)?.[0] ?? "";
  let stem = "";
  let size = extension.length;
  for (const character of name) {
    size += Buffer.byteLength(character);
    if (size > NAME_BYTES_MAX) break;
    stem += character;
  }
  return stem + extension;
}

/** The media type without its parameters, in lower case; what is none is taken as bytes of an unknown kind. */
export function mediaType(given: string | undefined): string {
  const type = given?.split(";", 1)[0]!.trim().toLowerCase() ?? "";
  return TYPE.test(type) ? type : UNKNOWN_TYPE;
}

/** Whether a list of types (`image/*`, `application/pdf`) has this one. The empty list has all. */
export function takesType(types: readonly string[], type: string): boolean {
  if (types.length === 0) return true;
  return types.some((one) => (one.endsWith("/*") ? type.startsWith(one.slice(0, -1)) : one === type));
}
