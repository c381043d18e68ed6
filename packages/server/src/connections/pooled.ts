import { randomBytes } from "node:crypto";
import pg from "pg";

/** A notification that does not come within this does not come. */
const HEARD_MS = 1000;

/**
 * Whether something stands between this connection and the server that answers in its place: a pooler names itself, not
 * the session, at the beginning of a connection. What only passes bytes on is not seen, and need not be.
 */
export async function isPooled(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const { processID } = client as pg.Client & { readonly processID?: number | null };
  return rows[0]!.pid !== processID;
}

/**
 * Whether the connection hears what is said on others, which is tried where there is a pooler: one that shares sessions
 * between transactions takes LISTEN and says nothing. What a connection says itself it would hear even then.
 */
export async function hearsOthers(client: pg.Client, connection: pg.ClientConfig): Promise<boolean> {
  if (!(await isPooled(client))) return true;
  const channel = `weft_heard_${randomBytes(6).toString("hex")}`;
  const other = new pg.Client({ ...connection, query_timeout: HEARD_MS });
  other.on("error", () => undefined);
  const hearing = Promise.withResolvers<boolean>();
  const hear = ({ channel: on }: pg.Notification): void => {
    if (on === channel) hearing.resolve(true);
  };
  client.on("notification", hear);
  let timer: NodeJS.Timeout | null = null;
  try {
    await client.query(`listen ${channel}`);
    await other.connect();
    await other.query("select pg_notify($1, '')", [channel]);
    timer = setTimeout(() => hearing.resolve(false), HEARD_MS);
    const isHeard = await hearing.promise;
    await client.query(`unlisten ${channel}`);
    return isHeard;
  } finally {
    client.off("notification", hear);
    if (timer) clearTimeout(timer);
    void other.end().catch(() => undefined);
  }
}
