import type { Json } from "../base/json.ts";

/** What is wrong with a value. */
export interface SchemaError {
  /** JSON Pointer into the value; empty for the value itself. */
  readonly pointer: string;
  /** The keyword of the schema that does not hold; `limit` when the check was given up. */
  readonly keyword: string;
  /** Follows the name of the value: "must be a string, and is 3". */
  readonly message: string;
}

/** One keyword of a schema, prepared. False when it does not hold, which it has told the visit. */
export type Check = (value: Json, visit: Visit) => boolean;

/** A schema, prepared: its keywords in the order they are asked. */
export interface SchemaNode {
  checks: readonly Check[];
}

/** Which members of one object or list have met a schema, for the keywords `unevaluated…`. */
export class Seen {
  readonly names = new Set<string>();
  readonly items = new Set<number>();

  add(other: Seen): void {
    for (const name of other.names) this.names.add(name);
    for (const item of other.items) this.items.add(item);
  }
}

/** Thrown through the checks when a value costs more than it may. */
export class TooMuch extends Error {}

/** Errors that are named; the next ones would not be read. */
const ERRORS_MAX = 50;
/**
 * Schemas inside schemas while one value is looked at: a reference that leads to itself ends here, and before the stack
 * does. A value of JSON is at most 500 levels deep, and most schemas take two steps for each.
 */
const DEPTH_MAX = 1200;

/** One value on its way through a schema: where it is, what it has cost, what was found. */
export class Visit {
  readonly errors: SchemaError[] = [];
  /** Null where no keyword asks which members have met a schema. */
  seen: Seen | null;
  private readonly path: (string | number)[] = [];
  private readonly tracks: boolean;
  private left: number;
  private depth = 0;
  private quiet = 0;

  constructor(tracks: boolean, workMax: number) {
    this.tracks = tracks;
    this.seen = tracks ? new Seen() : null;
    this.left = workMax;
  }

  /** Where the value that is looked at stands. */
  get pointer(): string {
    return this.path.map((part) => "/" + String(part).replaceAll("~", "~0").replaceAll("/", "~1")).join("");
  }

  /** Whether nobody listens to what is wrong. */
  get isQuiet(): boolean {
    return this.quiet > 0;
  }

  /** Pays for work; throws `TooMuch` when it is used up. One unit is about a tenth of a microsecond. */
  spend(work: number): void {
    if ((this.left -= work) < 0) throw new TooMuch();
  }

  fail(keyword: string, message: string): false {
    if (this.quiet === 0 && this.errors.length < ERRORS_MAX)
      this.errors.push({ pointer: this.pointer, keyword, message });
    return false;
  }

  /** Whether the value fits. All that is wrong is named, unless nobody listens. */
  fits(node: SchemaNode, value: Json): boolean {
    this.spend(1);
    if (++this.depth > DEPTH_MAX) throw new TooMuch();
    let fits = true;
    for (const check of node.checks) {
      if (check(value, this)) continue;
      fits = false;
      if (this.quiet > 0) break;
    }
    this.depth--;
    return fits;
  }

  /** The same value against a further schema. What that one has seen counts only where it fits. */
  alsoFits(node: SchemaNode, value: Json): boolean {
    const outer = this.seen;
    if (outer === null) return this.fits(node, value);
    const inner = (this.seen = new Seen());
    const fits = this.fits(node, value);
    this.seen = outer;
    if (fits) {
      this.spend(inner.names.size + inner.items.size);
      outer.add(inner);
    }
    return fits;
  }

  /** The same, without a word about what is wrong. */
  wouldFit(node: SchemaNode, value: Json): boolean {
    this.quiet++;
    const fits = this.alsoFits(node, value);
    this.quiet--;
    return fits;
  }

  /** What is wrong with the value; the errors are not kept. Empty when it fits, or when nobody listens. */
  errorsOf(node: SchemaNode, value: Json): readonly SchemaError[] {
    const before = this.errors.length;
    this.alsoFits(node, value);
    return this.errors.splice(before);
  }

  keep(errors: readonly SchemaError[]): void {
    if (this.quiet === 0) this.errors.push(...errors.slice(0, ERRORS_MAX - this.errors.length));
  }

  /** A member of the value that is looked at. */
  memberFits(key: string | number, node: SchemaNode, value: Json): boolean {
    const outer = this.seen;
    if (this.tracks) this.seen = new Seen();
    this.path.push(key);
    const fits = this.fits(node, value);
    this.path.pop();
    this.seen = outer;
    return fits;
  }

  memberWouldFit(key: string | number, node: SchemaNode, value: Json): boolean {
    this.quiet++;
    const fits = this.memberFits(key, node, value);
    this.quiet--;
    return fits;
  }
}
