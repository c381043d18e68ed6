import { parse } from "csv-parse/sync";
import { beyond, damaged } from "../problem.ts";
import { markdownTable } from "../table.ts";

/** Characters of one record: a quote that is never closed must not make a record of the whole. */
const RECORD_CHARS_MAX = 1_000_000;

/**
 * The records as a table of Markdown. The delimiter is the comma; where the first line has none, the semicolon or the
 * tab that it has.
 */
export function csvText(source: string, delimiter: string = delimiterOf(source)): string {
  let rows: string[][];
  try {
    rows = parse(source, {
      delimiter,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: RECORD_CHARS_MAX,
    });
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === "CSV_MAX_RECORD_SIZE") throw beyond(`one record has more than ${RECORD_CHARS_MAX} characters`);
    throw damaged(`it is no CSV: ${error instanceof Error ? error.message.slice(0, 200) : String(code)}`);
  }
  return markdownTable(rows);
}

function delimiterOf(source: string): string {
  const first = source.slice(0, 100_000).split("\n", 1)[0]!;
  if (first.includes(",")) return ",";
  return first.includes(";") ? ";" : first.includes("\t") ? "\t" : ",";
}
