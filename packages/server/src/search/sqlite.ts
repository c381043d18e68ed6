import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { IndexedRun, SearchHit, SearchIndex, SearchQuery } from "./search.ts";

/** Raised when the tables, or what a word is, change: the index is then made anew. */
const VERSION = 1;

/**
 * `word` keeps no text and no positions (`detail=none`): that a word is there is all that is asked. The tokenizer splits
 * at ASCII marks only, so that a word is what we say it is. Runs are put in the order of their creation and keep their
 * `doc_id`, so reading `word` backwards is newest first and stops at the limit.
 */
const SCHEMA = `
create table doc (
  doc_id integer primary key, tenant text not null, run_key integer not null, id text not null,
  created_at integer not null, put_at integer
) strict;
create unique index doc_run on doc (tenant, run_key);
create index doc_place on doc (tenant, created_at, run_key);
create index doc_open on doc (tenant, put_at) where put_at is not null;
create virtual table word using fts5 (words, tokenize = 'ascii', content = '', contentless_delete = 1, detail = none);
create table progress (tenant text primary key, until integer not null) strict, without rowid;
pragma user_version = ${VERSION};
`;

const COLUMNS = "doc.run_key, doc.id, doc.created_at";

/** The index in a file of its own beside the journal. Losing the newest part in a crash is harmless: it is put again. */
export function sqliteSearch(options: { readonly folder: string; readonly tenant: string }): SearchIndex {
  return new SqliteSearch(openFile(join(options.folder, "search.db")), options.tenant);
}

function openFile(path: string): DatabaseSync {
  try {
    return openOrMake(path);
  } catch {
    // Damaged, or of another version: what it held is in the journal.
    for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
    return openOrMake(path);
  }
}

function openOrMake(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    db.exec("pragma journal_mode = wal; pragma synchronous = off; pragma cache_size = -8000");
    const version = Number(db.prepare("pragma user_version").get()!["user_version"]);
    if (version === 0) db.exec(SCHEMA);
    else if (version !== VERSION) throw new Error(`the search index has version ${version}`);
    db.prepare("select count(*) from word where word match 'a'").get();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

class SqliteSearch implements SearchIndex {
  private readonly db: DatabaseSync;
  private readonly tenant: string;
  private readonly statements: Record<
    | "progress"
    | "advance"
    | "docOf"
    | "insert"
    | "update"
    | "words"
    | "dropWords"
    | "open"
    | "stillOpen"
    | "oldest"
    | "drop",
    StatementSync
  >;
  private puts: number;

  constructor(db: DatabaseSync, tenant: string) {
    this.db = db;
    this.tenant = tenant;
    this.statements = {
      progress: db.prepare("select until from progress where tenant = ?"),
      advance: db.prepare(
        "insert into progress (tenant, until) values (?, ?) on conflict (tenant) do update set until = excluded.until",
      ),
      docOf: db.prepare("select doc_id from doc where tenant = ? and run_key = ?"),
      insert: db.prepare(
        "insert into doc (tenant, run_key, id, created_at, put_at) values (?, ?, ?, ?, ?) returning doc_id",
      ),
      update: db.prepare("update doc set put_at = ? where doc_id = ?"),
      words: db.prepare("insert into word (rowid, words) values (?, ?)"),
      dropWords: db.prepare("delete from word where rowid = ?"),
      open: db.prepare(`select ${COLUMNS} from doc where tenant = ? and put_at is not null order by put_at limit ?`),
      stillOpen: db.prepare("update doc set put_at = ? where tenant = ? and run_key = ? and put_at is not null"),
      oldest: db.prepare(`select ${COLUMNS} from doc where tenant = ? order by created_at, run_key limit ?`),
      drop: db.prepare("delete from doc where doc_id = ?"),
    };
    this.puts = Number(db.prepare("select max(put_at) as puts from doc").get()!["puts"] ?? 0);
  }

  async progress(): Promise<number> {
    return Number(this.statements.progress.get(this.tenant)?.["until"] ?? 0);
  }

  async put(runs: readonly IndexedRun[], advance: { from: number; to: number } | null): Promise<boolean> {
    if (advance && advance.from !== (await this.progress())) return false;
    this.transaction(() => {
      for (const run of runs) this.putOne(run);
      if (advance) this.statements.advance.run(this.tenant, advance.to);
    });
    return true;
  }

  async find(query: SearchQuery): Promise<readonly SearchHit[]> {
    // No word has a mark in it, and the tokenizer would make two words of one that had.
    if (query.words.some(({ text }) => /[\0-\x2f\x3a-\x60\x7b-\x7f]/.test(text))) return [];
    const conditions = ["word match ?", "doc.tenant = ?"];
    const values: SQLInputValue[] = [matchOf(query), this.tenant];
    const add = (condition: string, ...more: readonly SQLInputValue[]): void => {
      conditions.push(condition);
      values.push(...more);
    };
    // Bounds of the rows to be read, found by their place.
    const { after, createdAfter, createdBefore } = query;
    if (after)
      add(`word.rowid <= ${last("(created_at, run_key) < (?, ?)")}`, this.tenant, after.createdAt, after.runKey);
    if (createdBefore !== undefined) add(`word.rowid <= ${last("created_at < ?")}`, this.tenant, createdBefore);
    if (createdAfter !== undefined) add("doc.created_at > ?", createdAfter);
    const sql = `select ${COLUMNS} from word cross join doc on doc.doc_id = word.rowid
      where ${conditions.join(" and ")} order by word.rowid desc limit ?`;
    return this.db
      .prepare(sql)
      .all(...values, query.limit)
      .map(hitOf);
  }

  async open(limit: number): Promise<readonly SearchHit[]> {
    return this.statements.open.all(this.tenant, limit).map(hitOf);
  }

  async stillOpen(runKeys: readonly number[]): Promise<void> {
    this.transaction(() => {
      for (const key of runKeys) this.statements.stillOpen.run((this.puts += 1), this.tenant, key);
    });
  }

  async oldest(limit: number): Promise<readonly SearchHit[]> {
    return this.statements.oldest.all(this.tenant, limit).map(hitOf);
  }

  async remove(runKeys: readonly number[]): Promise<void> {
    this.transaction(() => {
      for (const key of runKeys) {
        const id = this.docOf(key);
        if (id === null) continue;
        this.statements.dropWords.run(id);
        this.statements.drop.run(id);
      }
    });
  }

  async close(): Promise<void> {
    if (this.db.isOpen) this.db.close();
  }

  private putOne({ runKey, id, createdAt, words, open }: IndexedRun): void {
    const putAt = open ? (this.puts += 1) : null;
    let doc = this.docOf(runKey);
    if (doc === null) {
      doc = Number(this.statements.insert.get(this.tenant, runKey, id, createdAt, putAt)!["doc_id"]);
    } else {
      this.statements.update.run(putAt, doc);
      this.statements.dropWords.run(doc);
    }
    this.statements.words.run(doc, words.join(" "));
  }

  private docOf(runKey: number): number | null {
    const row = this.statements.docOf.get(this.tenant, runKey);
    return row ? Number(row["doc_id"]) : null;
  }

  private transaction(work: () => void): void {
    this.db.exec("begin immediate");
    try {
      work();
      this.db.exec("commit");
    } catch (error) {
      this.db.exec("rollback");
      throw error;
    }
  }
}

/** The last row of those that lie so; -1 where there is none. */
function last(condition: string): string {
  return `coalesce((select doc_id from doc where tenant = ? and ${condition} order by created_at desc, run_key desc limit 1), -1)`;
}

function matchOf({ words }: SearchQuery): string {
  return words.map(({ text, prefix }) => `"${text.replaceAll('"', '""')}"${prefix ? "*" : ""}`).join(" AND ");
}

function hitOf(row: Record<string, unknown>): SearchHit {
  return { runKey: Number(row["run_key"]), id: String(row["id"]), createdAt: Number(row["created_at"]) };
}
