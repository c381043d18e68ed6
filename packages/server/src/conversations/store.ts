import { AppError, type JsonObject } from "@weftwork/core";
import { sql, type Transaction } from "kysely";
import type { Database } from "../db/database.ts";
import type { Tables } from "../db/schema.ts";
import { WAITING_MAX, type ConversationStore, type Message, type NewMessage, type Settled } from "./conversations.ts";
import { conversationOf, isText, messageOf, type ConversationRow, type MessageRow } from "./rows.ts";

const NOTHING: Settled = { settled: false, next: null };

/**
 * Conversations on the database of the cold tables, once for all that Kysely speaks.
 *
 * The first statement of every transaction writes the row of the conversation. It is the lock that puts those who add to
 * and settle one conversation in a row, on both databases (PostgreSQL: READ COMMITTED).
 */
export function conversationStore(database: Database): ConversationStore {
  const { call } = database;

  /** Ends the message of a run, as `work` says, and gives the turn to the next. */
  function end(
    tenant: string,
    run: string,
    at: number | null,
    work: (transaction: Transaction<Tables>, message: MessageRow, held: ConversationRow) => Promise<JsonObject>,
  ): Promise<Settled> {
    return call((db) =>
      db.transaction().execute(async (transaction) => {
        const known = await messageOfRun(transaction, tenant, run);
        const held = known && (await lock(transaction, tenant, known.conversation));
        // Read again: whoever held the conversation before may have settled it.
        const message = held && (await messageOfRun(transaction, tenant, run));
        if (message?.status !== "running") return NOTHING;
        const variables = await work(transaction, message, held!);
        const next = await nextOf(transaction, tenant, message.conversation);
        await transaction
          .updateTable("conversation")
          .set({
            active_run: next?.run ?? null,
            variables: JSON.stringify(variables),
            ...(at === null ? {} : { updated_at: at }),
          })
          .where("tenant", "=", tenant)
          .where("id", "=", message.conversation)
          .execute();
        return { settled: true, next: next && messageOf(next) };
      }),
    );
  }

  return {
    create: (given) =>
      call(async (db) => {
        const { tenant, id } = given;
        await db
          .insertInto("conversation")
          .values({
            tenant,
            id,
            app: given.app,
            user_id: given.user,
            name: given.name,
            variables: JSON.stringify(given.variables),
            message_count: 0,
            active_run: null,
            created_at: given.createdAt,
            updated_at: given.updatedAt,
          })
          .onConflict((conflict) => conflict.columns(["tenant", "id"]).doNothing())
          .execute();
        const there = db.selectFrom("conversation").selectAll().where("tenant", "=", tenant).where("id", "=", id);
        return conversationOf(await there.executeTakeFirstOrThrow());
      }),
    find: (tenant, id) =>
      call(async (db) => {
        if (!isText(id)) return null;
        const named = db.selectFrom("conversation").selectAll().where("tenant", "=", tenant).where("id", "=", id);
        const row = await named.executeTakeFirst();
        return row ? conversationOf(row) : null;
      }),
    list: (tenant, { app, user, behind, limit }) =>
      call(async (db) => {
        if (!isText(`${app ?? ""}${user ?? ""}${behind?.id ?? ""}`)) return [];
        let wanted = db.selectFrom("conversation").selectAll().where("tenant", "=", tenant);
        if (app !== undefined) wanted = wanted.where("app", "=", app);
        if (user !== undefined) wanted = wanted.where("user_id", "=", user);
        if (behind) {
          const { updatedAt, id } = behind;
          wanted = wanted.where((where) =>
            where.or([
              where("updated_at", "<", updatedAt),
              where.and([where("updated_at", "=", updatedAt), where("id", "<", id)]),
            ]),
          );
        }
        const rows = await wanted.orderBy("updated_at", "desc").orderBy("id", "desc").limit(limit).execute();
        return rows.map(conversationOf);
      }),
    remove: (tenant, id) =>
      call((db) =>
        db.transaction().execute(async (transaction) => {
          if (!isText(id) || !(await lock(transaction, tenant, id))) return false;
          await transaction
            .deleteFrom("conversation_message")
            .where("tenant", "=", tenant)
            .where("conversation", "=", id)
            .execute();
          await transaction.deleteFrom("conversation").where("tenant", "=", tenant).where("id", "=", id).execute();
          return true;
        }),
      ),
    add: (message, { mayWait }) =>
      call((db) => db.transaction().execute((transaction) => add(transaction, message, mayWait))),
    messages: (tenant, conversation, { behind, limit }) =>
      call(async (db) => {
        if (!isText(conversation)) return [];
        const rows = await db
          .selectFrom("conversation_message")
          .selectAll()
          .where("tenant", "=", tenant)
          .where("conversation", "=", conversation)
          .where("position", ">", behind)
          .orderBy("position")
          .limit(limit)
          .execute();
        return rows.map(messageOf);
      }),
    message: (tenant, conversation, id) =>
      call(async (db) => {
        if (!isText(conversation + id)) return null;
        const row = await db
          .selectFrom("conversation_message")
          .selectAll()
          .where("tenant", "=", tenant)
          .where("id", "=", id)
          .executeTakeFirst();
        return row?.conversation === conversation ? messageOf(row) : null;
      }),
    byRun: (tenant, run) =>
      call(async (db) => {
        const row = isText(run) ? await messageOfRun(db, tenant, run) : undefined;
        return row ? messageOf(row) : null;
      }),
    answered: (tenant, conversation, before, limit) =>
      call(async (db) => {
        const rows = await db
          .selectFrom("conversation_message")
          .selectAll()
          .where("tenant", "=", tenant)
          .where("conversation", "=", conversation)
          .where("position", "<", before)
          .where("answer", "!=", "")
          .orderBy("position", "desc")
          .limit(limit)
          .execute();
        return rows.map(messageOf).toReversed();
      }),
    running: (tenant) =>
      call(async (db) => {
        const open = db.selectFrom("conversation_message").selectAll().where("tenant", "=", tenant);
        return (await open.where("status", "=", "running").execute()).map(messageOf);
      }),
    settle: (tenant, run, given) =>
      end(tenant, run, given.finishedAt, async (transaction, message, held) => {
        await transaction
          .updateTable("conversation_message")
          .set({
            status: given.status,
            answer: given.answer,
            answer_files: JSON.stringify(given.answerFiles),
            error: given.error === null ? null : JSON.stringify(given.error),
            finished_at: given.finishedAt,
          })
          .where("tenant", "=", tenant)
          .where("id", "=", message.id)
          .execute();
        return { ...(JSON.parse(held.variables) as JsonObject), ...given.variables };
      }),
    withdraw: (tenant, run) =>
      end(tenant, run, null, async (transaction, message, held) => {
        await transaction
          .deleteFrom("conversation_message")
          .where("tenant", "=", tenant)
          .where("id", "=", message.id)
          .execute();
        if (held.message_count === message.position)
          await transaction
            .updateTable("conversation")
            .set({ message_count: sql`message_count - 1` })
            .where("tenant", "=", tenant)
            .where("id", "=", message.conversation)
            .execute();
        return JSON.parse(held.variables) as JsonObject;
      }),
  };
}

async function add(transaction: Transaction<Tables>, message: NewMessage, mayWait: boolean): Promise<Message> {
  const { tenant, id, conversation, run, createdAt } = message;
  const held = isText(conversation) ? await lock(transaction, tenant, conversation) : undefined;
  if (!held) throw new AppError("CONVERSATION_NOT_FOUND", { conversation: conversation.slice(0, 100) });
  const there = await transaction
    .selectFrom("conversation_message")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .executeTakeFirst();
  if (there) return repeated(there, message);
  const isBusy = held.active_run !== null;
  const waiting = isBusy && mayWait ? await waitingOf(transaction, tenant, conversation) : 0;
  if (isBusy && (!mayWait || waiting >= WAITING_MAX))
    throw new AppError("CONVERSATION_BUSY", { conversation, run: held.active_run! });
  const position = held.message_count + 1;
  const row = {
    tenant,
    id,
    conversation,
    run,
    position,
    query: message.query,
    inputs: JSON.stringify(message.inputs),
    files: JSON.stringify(message.files),
    user_id: message.user,
    status: isBusy ? "queued" : "running",
    answer: "",
    answer_files: "[]",
    error: null,
    created_at: createdAt,
    finished_at: null,
  } as const;
  await transaction.insertInto("conversation_message").values(row).execute();
  await transaction
    .updateTable("conversation")
    .set({ message_count: position, updated_at: createdAt, ...(isBusy ? {} : { active_run: run }) })
    .where("tenant", "=", tenant)
    .where("id", "=", conversation)
    .execute();
  return messageOf(row);
}

/** The same message sent once more; another one must have another id. */
function repeated(row: MessageRow, { id, conversation, query }: NewMessage): Message {
  if (row.conversation === conversation && row.query === query) return messageOf(row);
  throw new AppError("INVALID_REQUEST", { reason: `the message ${id} exists with other content; choose another id` });
}

/** Waits until nobody else is at the conversation, and holds it to the end of the transaction. */
async function lock(db: Transaction<Tables>, tenant: string, id: string): Promise<ConversationRow | undefined> {
  return db
    .updateTable("conversation")
    .set({ message_count: sql`message_count` })
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirst();
}

async function waitingOf(db: Transaction<Tables>, tenant: string, conversation: string): Promise<number> {
  const rows = await db
    .selectFrom("conversation_message")
    .select("id")
    .where("tenant", "=", tenant)
    .where("conversation", "=", conversation)
    .where("status", "=", "queued")
    .execute();
  return rows.length;
}

/** Makes the message that waits longest the running one. */
async function nextOf(db: Transaction<Tables>, tenant: string, conversation: string): Promise<MessageRow | null> {
  const waiting = db
    .selectFrom("conversation_message")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("conversation", "=", conversation)
    .where("status", "=", "queued");
  const next = await waiting.orderBy("position").limit(1).executeTakeFirst();
  if (!next) return null;
  await db
    .updateTable("conversation_message")
    .set({ status: "running" })
    .where("tenant", "=", tenant)
    .where("id", "=", next.id)
    .execute();
  return { ...next, status: "running" };
}

function messageOfRun(
  db: Pick<Transaction<Tables>, "selectFrom">,
  tenant: string,
  run: string,
): Promise<MessageRow | undefined> {
  return db
    .selectFrom("conversation_message")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("run", "=", run)
    .executeTakeFirst();
}
