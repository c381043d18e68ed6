import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { SqliteDialect, type Dialect } from "kysely";

/**
 * Node's own SQLite as Kysely's. Statements do their work before they return; Kysely lets one transaction at a time
 * have the connection. The file is opened with the first query.
 */
export function nodeSqliteDialect(path: string): Dialect {
  return new SqliteDialect({
    async database() {
      const db = new DatabaseSync(path, { timeout: 5000 });
      db.exec("pragma journal_mode = wal; pragma synchronous = full; pragma fullfsync = on;");
      return {
        close: () => db.close(),
        prepare(text) {
          const statement = db.prepare(text);
          return {
            reader: statement.columns().length > 0,
            all: (parameters) => statement.all(...inputs(parameters)),
            run: (parameters) => statement.run(...inputs(parameters)),
            iterate: (parameters) => statement.iterate(...inputs(parameters)),
          };
        },
      };
    },
  });
}

/** What SQLite cannot bind it refuses itself, with a message that says so. */
function inputs(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters as SQLInputValue[];
}
