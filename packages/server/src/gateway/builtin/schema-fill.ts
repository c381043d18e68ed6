import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { answer } from "./answer.ts";
import { classify, feelings, type Label } from "./classify.ts";
import { fieldOf, type Field } from "./field.ts";
import { FieldReader } from "./field-reader.ts";
import { keyPhrases } from "./keywords.ts";
import { fits, isList, numberAt } from "./schema-check.ts";
import { flatten, sample } from "./schema-sample.ts";
import { readDocument, type Document } from "./segment.ts";
import { summarize, summaryText } from "./summarize.ts";
import type { Task } from "./task.ts";
import { cutAtWord } from "../tokens.ts";

const DEPTH_MAX = 12;
const ITEMS_MAX = 50;

/**
 * Fills a JSON Schema from a document, field by field: by the line that bears the field's name, by the form of the
 * value near the field's words, by the sentence that is most about it; enumerations by the words of their values. What
 * the document does not have is left out, or null, or empty, or the least the schema allows: nothing is invented.
 * Throws `MODEL_OUTPUT_INVALID` when no value at all can be found that fits, as with `not` or contradicting bounds.
 */
export function fillSchema(schema: JsonObject, document: Document, task: Task): Json {
  const filler = new Filler(schema, document, task);
  const value = filler.value(schema, fieldOf("", "", ""), 0) ?? sample(schema, 1, "empty");
  for (const candidate of [value, sample(schema, 1, "empty"), sample(schema, 1, "plausible")]) {
    if (fits(schema, candidate)) return candidate;
  }
  throw new AppError("MODEL_OUTPUT_INVALID", { reason: "no value was found that fits the schema" });
}

class Filler {
  private readonly root: Json;
  private readonly document: Document;
  private readonly task: Task;
  private readonly reader: FieldReader;
  private readonly isRow: boolean;

  constructor(root: Json, document: Document, task: Task, isRow = false) {
    this.isRow = isRow;
    this.root = root;
    this.document = document;
    this.task = task;
    this.reader = new FieldReader(task.document, document);
  }

  /** The value of one field, or undefined when the document has none. */
  value(schema: Json, field: Field, depth: number): Json | undefined {
    const flat = flatten(schema, this.root);
    if (flat["const"] !== undefined) return flat["const"];
    const options = isList(flat["anyOf"]) ? flat["anyOf"] : isList(flat["oneOf"]) ? flat["oneOf"] : null;
    const value = options && depth < DEPTH_MAX ? this.firstOf(options, field, depth) : this.byType(flat, field, depth);
    return value !== undefined && fits(flat, value, this.root) ? value : undefined;
  }

  private firstOf(options: readonly Json[], field: Field, depth: number): Json | undefined {
    const constants = options.map((option) => flatten(option, this.root)["const"]);
    if (constants.every((one) => typeof one === "string")) return this.choose(constants as string[], field, {});
    for (const option of options) {
      const value = flatten(option, this.root)["type"] === "null" ? undefined : this.value(option, field, depth + 1);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  private byType(schema: JsonObject, field: Field, depth: number): Json | undefined {
    if (isList(schema["enum"])) return this.choose(schema["enum"], field, schema);
    const type = isList(schema["type"]) ? schema["type"].find((one) => one !== "null") : schema["type"];
    if (type === "object" || (type === undefined && isJsonObject(schema["properties"])))
      return this.object(schema, depth);
    if (type === "array") return depth < DEPTH_MAX ? this.list(schema, field, depth) : [];
    if (type === "integer" || type === "number") return this.number(schema, field, type === "integer");
    if (type === "boolean") return this.truth(field);
    return type === "string" || type === undefined ? this.text(schema, field) : undefined;
  }

  private object(schema: JsonObject, depth: number): Json | undefined {
    const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
    const required = new Set(isList(schema["required"]) ? schema["required"] : []);
    const entries: [string, Json][] = [];
    for (const [name, inner] of Object.entries(properties)) {
      const field = fieldOf(name, stringAt(inner, "title"), stringAt(inner, "description"));
      const found = depth < DEPTH_MAX ? this.value(inner, field, depth + 1) : undefined;
      if (found !== undefined) entries.push([name, found]);
      else if (required.has(name)) entries.push([name, sample(inner, 1, "empty", this.root, name)]);
    }
    const value: JsonObject = Object.fromEntries(entries);
    return fits(schema, value, this.root) ? value : { ...this.empty(schema), ...value };
  }

  private empty(schema: JsonObject): JsonObject {
    const value = sample(schema, 1, "empty", this.root);
    return isJsonObject(value) ? value : {};
  }

  private choose(values: readonly Json[], field: Field, schema: JsonObject): Json | undefined {
    const names = values.filter((value) => typeof value === "string");
    if (names.length === 0) return values.find((value) => value === null);
    const said = this.reader.line(field);
    const exact = said === null ? undefined : names.find((name) => said.toLowerCase().includes(name.toLowerCase()));
    if (exact !== undefined) return exact;
    if (field.role === "language")
      return names.find((name) => (this.document.cjk ? /^(?:zh|chi|中)/i : /^(?:en|英)/i).test(name)) ?? names[0];
    const told = stringAt(schema, "description");
    const labels = names.map((name): Label => ({ name, description: explained(told, name, names) }));
    return classify(this.task.document.slice(0, 200_000), labels)?.name;
  }

  private text(schema: JsonObject, field: Field): string | undefined {
    const most = numberAt(schema, "maxLength") ?? 2000;
    const format = stringAt(schema, "format");
    const found =
      this.reader.formatted(field, format) ??
      (format === "" ? (this.reader.line(field) ?? this.byRole(field, most)) : null);
    const text = found ?? (format === "" ? this.reader.sentence(field) : null);
    return text === null || text === undefined || text === "" ? undefined : cutAtWord(text, most);
  }

  private byRole(field: Field, most: number): string | null {
    const { document, task } = this;
    if (this.isRow && /^(?:name|item|product|title|description|label|task|名称|商品|产品|项目)$/.test(field.name)) {
      return this.reader.lead();
    }
    switch (field.role) {
      case "summary":
        return summaryText(summarize(document, { ...task.length, characters: most }), false);
      case "title":
        return document.title || (document.sentences[0]?.text ?? null);
      case "keywords":
        return keyPhrases(document, 5).join(document.cjk ? "、" : ", ");
      case "answer":
      case "source":
        return answer(document, task.question).sentences[0]?.text ?? null;
      case "language":
        return document.cjk ? "zh" : "en";
      case "sentiment":
        return (
          classify(
            task.document.slice(0, 200_000),
            ["positive", "negative", "neutral"].map((name) => ({ name })),
          )?.name ?? null
        );
      default:
        return null;
    }
  }

  private number(schema: JsonObject, field: Field, isInteger: boolean): number | undefined {
    if (field.role === "confidence") return this.confidence(schema);
    const found = this.reader.number(field);
    if (found === null) return undefined;
    return isInteger ? Math.round(found) : found;
  }

  /** How sure the filler is, which is never very: the share of the question, or the balance of feelings. */
  private confidence(schema: JsonObject): number {
    const { good, bad } = feelings(this.task.document.slice(0, 200_000));
    const asked = answer(this.document, this.task.question).confidence;
    const share = asked > 0 ? asked : good + bad === 0 ? 0.5 : Math.max(good, bad) / (good + bad + 1);
    const most = numberAt(schema, "maximum") ?? 1;
    return most > 1 ? Math.round(share * most) : Math.round(share * 100) / 100;
  }

  private truth(field: Field): boolean | undefined {
    const said = this.reader.line(field);
    if (said !== null && /^(?:yes|true|是|有|对|y\b|✓)/i.test(said)) return true;
    if (said !== null && /^(?:no|false|否|无|没有|n\b|✗)/i.test(said)) return false;
    return this.reader.affirms(field);
  }

  private list(schema: JsonObject, field: Field, depth: number): Json[] {
    const inner = schema["items"] ?? true;
    const flat = flatten(inner, this.root);
    const most = Math.min(numberAt(schema, "maxItems") ?? ITEMS_MAX, ITEMS_MAX);
    const kept = (values: readonly Json[]): Json[] =>
      [...new Map(values.map((value) => [JSON.stringify(value), value])).values()]
        .filter((value) => fits(inner, value, this.root))
        .slice(0, most);
    if (isJsonObject(flat["properties"])) return kept(this.rows(flat, depth));
    if (flat["type"] === "number" || flat["type"] === "integer") return kept(this.reader.numbers(field));
    if (isList(flat["enum"]))
      return kept(flat["enum"].filter((value) => typeof value === "string" && this.reader.mentions(value)));
    const formatted = this.reader.allFormatted(field, stringAt(flat, "format"));
    if (formatted !== null) return kept(formatted);
    if (field.role === "summary" || /points?$|sentences|takeaways|要点/.test(field.name)) {
      return kept(summarize(this.document, { sentences: Math.min(most, 3) }).map((sentence) => sentence.text));
    }
    const said = this.reader.line(field);
    if (said !== null) return kept(said.split(/\s*[,，、;；]\s*/).filter((part) => part !== ""));
    return kept(keyPhrases(this.document, Math.min(most, this.task.count ?? 5)));
  }

  /** Objects, one for each list item or table row of the document in which a field of theirs is found. */
  private rows(schema: JsonObject, depth: number): Json[] {
    const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
    const rows: Json[] = [];
    for (const line of this.reader.rows().slice(0, ITEMS_MAX)) {
      const inner = new Filler(this.root, readDocument(line), { ...this.task, document: line }, true);
      const row = inner.value(schema, fieldOf("", "", ""), depth + 1);
      const isEmpty =
        !isJsonObject(row) ||
        Object.keys(properties).every((name) => row[name] === undefined || row[name] === "" || row[name] === 0);
      if (!isEmpty) rows.push(row);
    }
    return rows;
  }
}

function stringAt(schema: Json, name: string): string {
  const value = isJsonObject(schema) ? schema[name] : undefined;
  return typeof value === "string" ? value : "";
}

/** The part of a description that stands behind a value's name: `refund: wants money back; bug: …`. */
function explained(description: string, name: string, names: readonly string[]): string {
  const at = description.toLowerCase().indexOf(name.toLowerCase());
  if (at < 0) return "";
  const rest = description.slice(at + name.length);
  const ends = names.map((other) => rest.toLowerCase().indexOf(other.toLowerCase())).filter((end) => end > 0);
  return /^\s*[:：(（=—–-]/.test(rest) ? rest.slice(0, Math.min(rest.length, ...ends)) : "";
}
