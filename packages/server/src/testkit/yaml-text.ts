import { isJsonObject, type Json } from "@weftwork/core";

/** Texts that YAML would read as something else, or that begin with a sign of its grammar, are put in quotes. */
const PLAIN = /^[A-Za-z][\w ./()-]*$/;
const WORDS: ReadonlySet<string> = new Set(["true", "false", "null", "yes", "no", "on", "off", "y", "n"]);

/** A value as YAML in block style, each line indented by so many blanks. Reading it back gives the same value. */
export function yamlText(value: Json, indent: number): string {
  const blanks = " ".repeat(indent);
  if (Array.isArray(value) && value.length > 0) {
    return (value as readonly Json[]).map((item) => `${blanks}- ${yamlText(item, indent + 2).trimStart()}`).join("\n");
  }
  if (isJsonObject(value) && Object.keys(value).length > 0) {
    return Object.entries(value)
      .map(([name, member]) => `${blanks}${scalar(name)}:${under(member, indent)}`)
      .join("\n");
  }
  return `${blanks}${typeof value === "string" ? scalar(value) : JSON.stringify(value)}`;
}

/** What stands behind the name of a member: on the same line, or below it. */
function under(value: Json, indent: number): string {
  if (typeof value === "string") return ` ${isBlock(value) ? block(value, indent + 2) : scalar(value)}`;
  const isEmpty = value === null || typeof value !== "object" || Object.keys(value).length === 0;
  return isEmpty ? ` ${JSON.stringify(value)}` : `\n${yamlText(value, indent + 2)}`;
}

/** Whether a text of several lines can stand as it is. */
function isBlock(text: string): boolean {
  return (
    /^\S.*\n/.test(text) &&
    !/[ \t]$/m.test(text) &&
    !text.endsWith("\n\n") &&
    !/[^\n\u{20}-\u{7e}\u{a0}-\u{d7ff}\u{e000}-\u{fefe}\u{10000}-\u{10ffff}]/u.test(text) &&
    !/[\u2028\u2029]/.test(text)
  );
}

function block(text: string, indent: number): string {
  const blanks = " ".repeat(indent);
  const body = text.endsWith("\n") ? text.slice(0, -1) : text;
  const sign = body === text ? "|-" : "|";
  const lines = body.split("\n").map((line) => (line === "" ? "" : `${blanks}${line}`));
  return `${sign}\n${lines.join("\n")}`;
}

function scalar(text: string): string {
  const isPlain = PLAIN.test(text) && !text.endsWith(" ") && !WORDS.has(text.toLowerCase());
  return isPlain ? text : JSON.stringify(text);
}
