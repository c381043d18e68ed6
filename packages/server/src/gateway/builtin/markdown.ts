/**
 * Reads a text, plain or Markdown, as blocks of prose. What is no prose is left out: code, tables, front matter, rules,
 * badges, lines that are only links, and HTML tags. Headings are kept apart, as the titles of what follows them.
 *
 * The text is a stranger's: every expression here is bounded, so that none takes longer than the text is long, about.
 */
export interface Block {
  readonly kind: "heading" | "prose" | "item";
  /** On one line, without marks of emphasis, links or images. */
  readonly text: string;
  /** The headings this block stands under, outermost first; for a heading, those above it. */
  readonly path: readonly string[];
}

const HEADING = /^ {0,3}(#{1,6})\s(.*)$/;
const ITEM = /^\s*(?:[-*+•·]|\d{1,3}[.)、]|[（(]\d{1,3}[)）])\s*(?=\S)/;
const FENCE = /^\s*(```+|~~~+)/;
const RULE = /^\s*(?:(?:[-*_=~]\s*){3,})$/;
/** Longer paragraphs are cut at a line end; no writer makes them. */
const PARAGRAPH_MAX = 4000;
const FRONT_MATTER = /^---\r?\n[\s\S]{0,10000}?\r?\n---[ \t]*(?:\r?\n|$)/;

export function blocks(source: string): Block[] {
  const reader = new Reader();
  const text = withoutComments(source.replace(FRONT_MATTER, ""));
  let fence = "";
  for (const raw of text.split(/\r?\n/)) {
    const mark = FENCE.exec(raw)?.[1];
    if (fence !== "") {
      if (mark?.startsWith(fence)) fence = "";
      continue;
    }
    if (mark !== undefined) {
      fence = mark.slice(0, 3);
      reader.flush();
    } else reader.line(raw);
  }
  reader.flush();
  return reader.blocks;
}

/** The text of a heading without the marks that may close it. */
function withoutMarks(text: string): string {
  const whole = text.trim();
  let end = whole.length;
  while (end > 0 && whole[end - 1] === "#") end--;
  return whole.slice(0, end).trim();
}

function withoutComments(text: string): string {
  const parts: string[] = [];
  let at = 0;
  for (let open = text.indexOf("<!--"); open >= 0; open = text.indexOf("<!--", at)) {
    const close = text.indexOf("-->", open + 4);
    if (close < 0) break;
    parts.push(text.slice(at, open));
    at = close + 3;
  }
  return parts.join(" ") + text.slice(at);
}

class Reader {
  readonly blocks: Block[] = [];
  private lines: string[] = [];
  private item = false;
  private readonly path: { level: number; text: string }[] = [];

  line(raw: string): void {
    if (raw.trim() === "") return this.flush();
    const heading = HEADING.exec(raw);
    if (heading) return this.heading(heading[1]!.length, plain(withoutMarks(heading[2]!)));
    if (RULE.test(raw)) return this.rule(raw);
    if (isTableRow(raw) || isMarkupOnly(raw)) return this.flush();
    const quoted = raw.replace(/^\s*(?:>\s?)+/, "");
    const item = ITEM.exec(quoted);
    if (item && !/^\s*\d/.test(quoted.slice(item[0].length))) {
      this.flush();
      this.item = true;
      this.lines.push(quoted.slice(item[0].length).replace(/^\[[ xX]\]\s+/, ""));
    } else this.lines.push(quoted);
  }

  /** Ends the paragraph that is being read. */
  flush(): void {
    const { lines, item } = this;
    this.lines = [];
    this.item = false;
    if (lines.length === 0) return;
    for (const part of item ? [lines.join(" ")] : paragraphs(lines)) {
      const text = plain(part);
      if (!/[\p{L}\p{N}]/u.test(text)) continue;
      if (!item && isTitle(text)) this.heading(isChapter(text) ? 1 : 6, text);
      else this.blocks.push({ kind: item ? "item" : "prose", text, path: this.path.map((one) => one.text) });
    }
  }

  /** A line of `===` or `---` makes a heading of the single line above it. */
  private rule(raw: string): void {
    const above = this.lines.length === 1 && !this.item ? plain(this.lines[0]!) : "";
    if (!/^\s*[=-]+\s*$/.test(raw) || above === "" || above.length > 100) return this.flush();
    this.lines = [];
    this.heading(raw.includes("=") ? 1 : 2, above);
  }

  private heading(level: number, text: string): void {
    this.flush();
    if (text === "") return;
    while (this.path.length > 0 && this.path[this.path.length - 1]!.level >= level) this.path.pop();
    this.blocks.push({ kind: "heading", text, path: this.path.map((one) => one.text) });
    this.path.push({ level, text });
  }
}

/**
 * The lines of one block, joined where a line was broken for its length only. A short line that is followed by a
 * capital or a Chinese character ends a paragraph of its own, as in verse, addresses and titles.
 */
function paragraphs(lines: readonly string[]): string[] {
  const parts: string[] = [];
  for (const [index, line] of lines.entries()) {
    const above = lines[index - 1]?.trim() ?? "";
    const apart = index === 0 || /^[\s\u3000]{2,}\S/.test(line) ? above.length < 45 : endsEarly(above, line.trim());
    if (index === 0 || apart || parts.at(-1)!.length > PARAGRAPH_MAX) parts.push(line.trim());
    else parts[parts.length - 1] = join(parts[parts.length - 1]!, line.trim());
  }
  return parts;
}

function endsEarly(above: string, line: string): boolean {
  const columns = above.length + (above.match(/[\u2e80-\uffef]/g)?.length ?? 0);
  return columns < 45 && !/[,，、;；(（]$/.test(above) && /^[\p{Lu}\p{N}\p{Script=Han}"“「*_[]/u.test(line);
}

/** Two texts as one: nothing between Chinese characters and their marks, a space otherwise. */
export function join(left: string, right: string): string {
  if (left === "" || right === "") return left + right;
  const [end, start] = [left.slice(-1), right.slice(0, 1)];
  const meet = /[\u2e80-\uffef”’…—]/.test(end) && /[\u2e80-\uffef“‘…—]/.test(start);
  return meet && /[\u2e80-\u9fff]/.test(left.slice(-4) + right.slice(0, 4)) ? left + right : `${left} ${right}`;
}

/** A short line that ends without a stop is a title, not a sentence. Lines of data (`Name: value`) are none. */
function isTitle(text: string): boolean {
  if (/[.!?。！？…:：;；,，"”」』)）]$/.test(text) || /[:：]/.test(text)) return false;
  if (/[\p{Script=Han}]/u.test(text)) return text.length <= 16;
  const words = text.split(/\s+/);
  if (isChapter(text)) return words.length <= 12;
  return words.length <= 8 && words.filter((word) => /^[\p{Lu}\p{N}]/u.test(word)).length * 2 > words.length;
}

function isChapter(text: string): boolean {
  return /^(?:chapter|part|book|section|act|scene)\b|^第[一二三四五六七八九十百\d]+[章节回部卷]/i.test(text);
}

function isTableRow(line: string): boolean {
  return /^\s*\|.*\|\s*$/.test(line) || /^\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)+$/.test(line);
}

/** A line of images, links, tags and separators with no words of its own: badges, menus, tables of contents. */
function isMarkupOnly(line: string): boolean {
  if (!/[<[!]|https?:/.test(line)) return false;
  const rest = line
    .replaceAll(/!\[[^\]]{0,200}\](?:\([^)]{0,400}\)|\[[^\]]{0,200}\])?/g, "")
    .replaceAll(/\[[^\]]{0,200}\](?:\([^)]{0,400}\)|\[[^\]]{0,200}\]|:[ \t]{0,9}\S+)/g, "")
    .replaceAll(/<[^<>]*>|https?:\/\/\S+/g, "");
  return !/\p{L}{2}/u.test(rest.replaceAll(/\b(?:and|or|和|与)\b/g, "")) && !/<https?:/.test(line);
}

/** Inline Markdown as the text a reader sees. */
function plain(text: string): string {
  if (!/[[\]*_`<&\\~!]|\s{2}|\u3000/.test(text)) return text.trim();
  return text
    .replaceAll(/!\[[^\]]{0,200}\](?:\([^)]{0,400}\)|\[[^\]]{0,200}\])/g, "")
    .replaceAll(/\[([^\]]{1,200})\](?:\([^)]{0,400}\)|\[[^\]]{0,200}\])/g, "$1")
    .replaceAll(/\[\^[^\]]{0,80}\]/g, "")
    .replaceAll(/<(https?:[^>]*)>/g, "$1")
    .replaceAll(/<\/?[A-Za-z][^<>]*>/g, "")
    .replaceAll(/(\*\*\*|\*\*|\*|~~)(?=\S)([^*~]+?)(?<=\S)\1/g, "$2")
    .replaceAll(/(?<![\p{L}\p{N}])(__|_)(?=\S)([^_]+?)(?<=\S)\1(?![\p{L}\p{N}])/gu, "$2")
    .replaceAll(/`+([^`]+)`+/g, "$1")
    .replaceAll(/&(nbsp|amp|lt|gt|quot);/g, (_, name: string) => ENTITIES[name]!)
    .replaceAll(/[\s\u3000]+/g, " ")
    .trim();
}

const ENTITIES: Readonly<Record<string, string>> = { nbsp: " ", amp: "&", lt: "<", gt: ">", quot: '"' };
