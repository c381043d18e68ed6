/** A family of series in the text format of Prometheus: one name, and a series for each set of label values. */
abstract class Family<Series> {
  private readonly name: string;
  private readonly type: string;
  private readonly help: string;
  private readonly labels: readonly string[];
  private readonly series = new Map<string, { readonly values: readonly string[]; readonly of: Series }>();

  constructor(type: string, name: string, help: string, labels: readonly string[]) {
    this.type = type;
    this.name = name;
    this.help = help;
    this.labels = labels;
  }

  /** The family as lines, its head first. Without a series it is its head. */
  lines(): readonly string[] {
    const head = [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} ${this.type}`];
    return [...head, ...[...this.series.values()].flatMap(({ values, of }) => this.linesOf(this.name, values, of))];
  }

  protected at(values: readonly string[]): Series {
    const key = values.join("\n");
    let series = this.series.get(key);
    if (!series) this.series.set(key, (series = { values, of: this.made() }));
    return series.of;
  }

  protected labelled(values: readonly string[], more = ""): string {
    const pairs = values.map((value, at) => `${this.labels[at]!}="${escaped(value)}"`);
    const all = more === "" ? pairs : [...pairs, more];
    return all.length === 0 ? "" : `{${all.join(",")}}`;
  }

  protected abstract made(): Series;
  protected abstract linesOf(name: string, values: readonly string[], series: Series): readonly string[];
}

/** Numbers that only grow, but for a restart. */
export class Counters extends Family<{ total: number }> {
  constructor(name: string, help: string, labels: readonly string[]) {
    super("counter", name, help, labels);
  }

  add(values: readonly string[], by = 1): void {
    this.at(values).total += by;
  }

  protected made(): { total: number } {
    return { total: 0 };
  }

  protected linesOf(name: string, values: readonly string[], { total }: { total: number }): readonly string[] {
    return [`${name}${this.labelled(values)} ${total}`];
  }
}

/** Numbers as they are at the moment. */
export class Gauges extends Family<{ value: number }> {
  constructor(name: string, help: string, labels: readonly string[]) {
    super("gauge", name, help, labels);
  }

  set(values: readonly string[], value: number): void {
    this.at(values).value = value;
  }

  protected made(): { value: number } {
    return { value: 0 };
  }

  protected linesOf(name: string, values: readonly string[], { value }: { value: number }): readonly string[] {
    return [`${name}${this.labelled(values)} ${value}`];
  }
}

interface Distribution {
  /** Observations in each bucket alone, and behind the last bound; they are added up when they are read. */
  readonly counts: number[];
  sum: number;
}

/** How numbers are distributed over buckets, by their upper bounds. */
export class Histograms extends Family<Distribution> {
  private readonly bounds: readonly number[];

  constructor(name: string, help: string, labels: readonly string[], bounds: readonly number[]) {
    super("histogram", name, help, labels);
    this.bounds = bounds;
  }

  observe(values: readonly string[], value: number): void {
    const distribution = this.at(values);
    const bucket = this.bounds.findIndex((bound) => value <= bound);
    distribution.counts[bucket < 0 ? this.bounds.length : bucket]! += 1;
    distribution.sum += value;
  }

  protected made(): Distribution {
    return { counts: Array.from({ length: this.bounds.length + 1 }, () => 0), sum: 0 };
  }

  protected linesOf(name: string, values: readonly string[], { counts, sum }: Distribution): readonly string[] {
    let total = 0;
    const buckets = counts.map((count, at) => {
      total += count;
      return `${name}_bucket${this.labelled(values, `le="${this.bounds[at] ?? "+Inf"}"`)} ${total}`;
    });
    return [...buckets, `${name}_sum${this.labelled(values)} ${sum}`, `${name}_count${this.labelled(values)} ${total}`];
  }
}

function escaped(label: string): string {
  return label
    .replaceAll("\\", String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll("\n", String.raw`\n`);
}
