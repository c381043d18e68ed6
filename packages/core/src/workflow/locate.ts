import type { Locator } from "./problems.ts";
import type { Place } from "./workflow.ts";

/** Where a value stands in the text, and the values it holds. */
export interface Mark {
  /** Offset of the value; of a block map, its first key. */
  readonly at: number;
  /** Offset of the name it is given under; that of the value where it has none. */
  readonly keyAt: number;
  readonly members: ReadonlyMap<string, Mark> | readonly Mark[] | null;
}

/** Turns offsets into lines and columns, both from 1; a column counts UTF-16 units as editors do. */
export class Lines {
  private readonly text: string;
  private starts: number[] | null = null;

  constructor(text: string) {
    this.text = text;
  }

  place(offset: number): Place {
    this.starts ??= lineStarts(this.text);
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.starts[low]! + 1 };
  }

  /** The line that the offset stands on, cut to a length that can be looked at cheaply. */
  lineAt(offset: number): string {
    const { column } = this.place(offset);
    const start = offset - column + 1;
    const end = this.text.indexOf("\n", start);
    return this.text.slice(start, Math.min(end === -1 ? this.text.length : end, start + 1000));
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** Follows JSON Pointers (RFC 6901) through the marks of a document. */
export class MarkLocator implements Locator {
  private readonly lines: Lines;
  private readonly root: Mark | null;

  constructor(lines: Lines, root: Mark | null) {
    this.lines = lines;
    this.root = root;
  }

  locate(pointer: string): Place {
    return this.lines.place(this.find(pointer)?.at ?? 0);
  }

  locateKey(pointer: string): Place {
    return this.lines.place(this.find(pointer)?.keyAt ?? 0);
  }

  private find(pointer: string): Mark | null {
    let mark = this.root;
    if (pointer === "") return mark;
    for (const part of pointer.slice(1).split("/")) {
      const members = mark?.members;
      const next = isMap(members)
        ? members.get(part.replaceAll("~1", "/").replaceAll("~0", "~"))
        : /^\d{1,9}$/.test(part)
          ? members?.[Number(part)]
          : undefined;
      if (!next) return mark;
      mark = next;
    }
    return mark;
  }
}

function isMap(members: Mark["members"] | undefined): members is ReadonlyMap<string, Mark> {
  return members instanceof Map;
}
