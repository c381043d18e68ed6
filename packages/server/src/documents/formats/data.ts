import { parseAllDocuments, stringify } from "yaml";
import { beyond, damaged } from "../problem.ts";

/** Each level costs its indent on every line. */
const DEPTH_MAX = 1000;
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * JSON with each member and item on its line, two spaces a level, and signs instead of their escapes. Numbers stay as
 * written, members in their order: it is read token by token and never becomes a value that could lose some of it.
 */
export function jsonText(source: string): string {
  try {
    JSON.parse(source);
  } catch (error) {
    throw damaged(`it is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : ""}`);
  }
  const out: string[] = [];
  let depth = 0;
  const line = (): string => `\n${"  ".repeat(depth)}`;
  let before = "";
  for (const [token] of source.matchAll(TOKENS)) {
    if (token === "}" || token === "]") {
      depth -= 1;
      if (before !== "{" && before !== "[") out.push(line());
    } else if (before === "{" || before === "[" || before === ",") out.push(line());
    if ((token === "{" || token === "[") && ++depth > DEPTH_MAX) {
      throw beyond(`it is nested deeper than ${DEPTH_MAX} levels`);
    }
    out.push(token === ":" ? ": " : token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token);
    before = token;
  }
  return out.join("");
}

/** Aliases that one document may use: few files have ten, a bomb has thousands. */
const ALIASES_MAX = 100;

/** YAML written anew from what it says: without comments, aliases written out, one document after the other. */
export function yamlText(source: string): string {
  const documents = parseAllDocuments(source, { intAsBigInt: true, logLevel: "silent" });
  if (!Array.isArray(documents)) return "";
  return documents
    .map((document) => {
      const [error] = document.errors;
      if (error) throw damaged(`it is not YAML: ${error.message.split("\n", 1)[0]!.slice(0, 200)}`);
      let value: unknown;
      try {
        value = document.toJS({ maxAliasCount: ALIASES_MAX });
      } catch (thrown) {
        if (thrown instanceof ReferenceError) throw damaged("it uses more aliases than any document needs");
        throw thrown;
      }
      return stringify(value, { aliasDuplicateObjects: false, indentSeq: false, singleQuote: true });
    })
    .join("---\n");
}

/** `key: value`, a line each; comments stay. */
export function propertiesText(source: string): string {
  return source
    .split("\n")
    .map((line) => {
      const text = line.trim();
      if (text === "" || text.startsWith("#") || text.startsWith("!")) return text;
      const key = /^(?:[^=:\s\\]|\\.)+/.exec(text)?.[0];
      if (key === undefined || key === text) return text;
      return `${key}: ${text.slice(key.length).trimStart().replace(/^[=:]/, "").trimStart()}`;
    })
    .join("\n");
}

/** What was said, a line for each time somebody speaks: `Name "what"`, or the text alone where no name is given. */
export function vttText(source: string): string {
  if (!/^WEBVTT(?:\s|$)/.test(source)) throw damaged("it does not begin with WEBVTT");
  const said: { readonly who: string; readonly parts: string[] }[] = [];
  for (const block of source.split(/\n[ \t]*\n/)) {
    const lines = block.split("\n");
    const time = lines.findIndex((line) => line.includes("-->"));
    if (time < 0) continue;
    const cue = lines.slice(time + 1).join(" ");
    const who = /<v(?:\.[^\s>]*)?\s([^>]+)>/.exec(cue)?.[1]?.trim() ?? "";
    const what = cue
      .replaceAll(/<[^>]*>/g, "")
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&amp;", "&");
    const last = said.at(-1);
    if (last?.who === who) last.parts.push(what.trim());
    else said.push({ who, parts: [what.trim()] });
  }
  return said.map(({ who, parts }) => (who === "" ? parts.join(" ") : `${who} "${parts.join(" ")}"`)).join("\n");
}
