import { isJsonObject, readYaml, type Json, type JsonObject } from "@weftwork/core";

const FRONT = /^---[ \t]*\n([\s\S]{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)/;
const BYTES_MAX = 65_536;

/**
 * What a Markdown text says of itself above its first line, between lines of `---`, and the text below. What is no map of
 * YAML stays text.
 */
export function frontMatterOf(text: string): { readonly metadata: JsonObject; readonly body: string } {
  const found = FRONT.exec(text);
  if (!found) return { metadata: {}, body: text };
  const { data, problems } = readYaml(found[1]!, BYTES_MAX);
  if (problems.toArray().length > 0 || !isJsonObject(data)) return { metadata: {}, body: text };
  const plain = Object.entries<Json>(data).filter(([, value]) => !isJsonObject(value));
  return { metadata: Object.fromEntries(plain), body: text.slice(found[0].length) };
}
