import { markdownTable } from "../table.ts";
import { readXml } from "../xml.ts";

/** How a format calls the parts of a text. */
export interface TextWords {
  readonly paragraphs: ReadonlySet<string>;
  /** Elements that hold the text; null: text stands right in a paragraph. */
  readonly runs: ReadonlySet<string> | null;
  readonly table: string;
  readonly row: string;
  readonly cell: string;
  /** Elements that stand for a sign. */
  readonly signs: ReadonlyMap<string, string>;
  /** Elements whose content is no part of the text as it is read. */
  readonly passedOver: ReadonlySet<string>;
}

interface Table {
  readonly rows: string[][];
}

/**
 * The paragraphs and tables of a text part in their order; paragraphs without text are left out. A table within a cell
 * gives its text to that cell.
 */
export function officeBlocks(xml: Uint8Array, words: TextWords): readonly string[] {
  const walk = new Walk(words);
  readXml(xml, walk);
  return walk.blocks;
}

class Walk {
  readonly blocks: string[] = [];
  private readonly words: TextWords;
  /** Where paragraphs go: the text, then the cell of a table, and so on. */
  private readonly places: string[][] = [this.blocks];
  private readonly tables: Table[] = [];
  /** Paragraphs that are open: a text box stands within one. */
  private readonly paragraphs: string[][] = [];
  private over = 0;
  private runs = 0;

  constructor(words: TextWords) {
    this.words = words;
  }

  open(name: string): void {
    const { words } = this;
    if (this.over > 0 || words.passedOver.has(name)) {
      this.over += 1;
      return;
    }
    if (words.runs?.has(name) === true) this.runs += 1;
    else if (words.paragraphs.has(name)) this.paragraphs.push([]);
    else if (name === words.table) this.tables.push({ rows: [] });
    else if (name === words.row) this.tables.at(-1)?.rows.push([]);
    else if (name === words.cell) this.places.push([]);
    const sign = words.signs.get(name);
    if (sign !== undefined) this.paragraphs.at(-1)?.push(sign);
  }

  close(name: string): void {
    const { words } = this;
    if (this.over > 0) {
      this.over -= 1;
      return;
    }
    if (words.runs?.has(name) === true) this.runs -= 1;
    else if (words.paragraphs.has(name)) this.put(this.paragraphs.pop()!.join(""));
    else if (name === words.table) this.putTable(this.tables.pop()!);
    else if (name === words.cell) {
      const cell = this.places.pop()!;
      this.tables.at(-1)?.rows.at(-1)?.push(cell.join(" "));
    }
  }

  text(text: string): void {
    if (this.over > 0 || (this.words.runs !== null && this.runs === 0)) return;
    this.paragraphs.at(-1)?.push(text);
  }

  private putTable({ rows }: Table): void {
    if (this.tables.length === 0) this.put(markdownTable(rows));
    else this.put(rows.flat().join(" "));
  }

  private put(block: string): void {
    if (block.trim() !== "") this.places.at(-1)!.push(block);
  }
}
