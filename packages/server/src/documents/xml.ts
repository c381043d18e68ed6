import { Parser } from "htmlparser2";
import { decodeText } from "./decode.ts";
import { beyond, damaged } from "./problem.ts";

/** What is told of an XML text while it is read, names without their prefix. */
export interface XmlReader {
  open?(name: string, attributes: XmlAttributes): void;
  close?(name: string): void;
  text?(text: string): void;
}

/** Attributes by their whole name, and by the name without its prefix. */
export type XmlAttributes = (name: string) => string | null;

const DEPTH_MAX = 1000;

/**
 * Reads XML from its beginning to its end. A document type is refused: the formats here have none, and it is where
 * entities are declared that grow or that name files. Elements that are not closed in their order are an error, so a
 * text that was cut off is never taken for the whole.
 */
export function readXml(bytes: Uint8Array, reader: XmlReader): void {
  const source = decodeText(bytes);
  let depth = 0;
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        if (++depth > DEPTH_MAX) throw beyond(`its elements are nested deeper than ${DEPTH_MAX}`);
        reader.open?.(localName(name), (wanted) => attributeOf(attributes, wanted));
      },
      onclosetag(name, isImplied) {
        depth -= 1;
        if (isImplied && !isSelfClosed(source, parser.endIndex)) {
          throw damaged("its XML is cut off, or its elements are not closed");
        }
        reader.close?.(localName(name));
      },
      ontext(text) {
        if (depth > 0) reader.text?.(text);
      },
      onprocessinginstruction(name) {
        if (name.startsWith("!")) throw damaged("its XML declares a document type or entities, which is not allowed");
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(source);
}

/** `<br/>` is told as closed by nobody, like an element that was never closed. */
function isSelfClosed(source: string, end: number): boolean {
  return source[end] === ">" && source[end - 1] === "/";
}

/** The name without the prefix of its namespace: writers choose prefixes as they like. */
function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

function attributeOf(attributes: Readonly<Record<string, string>>, wanted: string): string | null {
  if (Object.hasOwn(attributes, wanted)) return attributes[wanted]!;
  if (wanted.includes(":")) return null;
  for (const [name, value] of Object.entries(attributes)) if (localName(name) === wanted) return value;
  return null;
}
