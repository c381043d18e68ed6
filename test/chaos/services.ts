import {
  ownPgbouncer,
  ownPostgres,
  ownRabbitmq,
  ownRedis,
  pgbouncerProgram,
  rabbitmqProgram,
  redisProgram,
  type OwnService,
} from "../services.ts";

export const TRANSPORTS = ["postgres", "redis", "rabbitmq"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** The services of one scenario, and the settings by which processes find them. */
export interface Services {
  readonly postgres: OwnService;
  /** Null: PostgreSQL itself carries the tickets. */
  readonly broker: OwnService | null;
  /** A pooler of transactions by way of which processes speak to PostgreSQL; null: they speak to it directly. */
  readonly pooler: OwnService | null;
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** Why the transport cannot be used on this machine; null: it can. */
export function missing(transport: TransportName): string | null {
  if (transport === "redis" && redisProgram() === null) return "redis-server is not installed";
  if (transport === "rabbitmq" && rabbitmqProgram() === null) return "rabbitmq-server is not installed";
  return null;
}

/** Why there can be no pooler on this machine; null: there can. */
export function missingPooler(): string | null {
  return pgbouncerProgram() === null ? "pgbouncer is not installed" : null;
}

/** Starts them on free ports of loopback, in folders of their own. */
export async function openServices(transport: TransportName, isPooled = false): Promise<Services> {
  const postgres = await ownPostgres();
  const pooler = isPooled ? await ownPgbouncer({ server: postgres.url }) : null;
  const broker = transport === "redis" ? await ownRedis() : transport === "rabbitmq" ? await ownRabbitmq() : null;
  const remove = async (): Promise<void> => {
    await Promise.all([pooler?.remove(), postgres.remove(), broker?.remove()]);
  };
  try {
    await Promise.all([postgres.start(), broker?.start()]);
    await pooler?.start();
  } catch (error) {
    await remove();
    throw error;
  }
  const variable = transport === "redis" ? "WEFT_REDIS_URL" : "WEFT_RABBITMQ_URL";
  return {
    postgres,
    broker,
    pooler,
    env: {
      WEFT_DATABASE_URL: (pooler ?? postgres).url,
      WEFT_TRANSPORT: transport,
      ...(broker === null ? {} : { [variable]: broker.url }),
    },
    remove,
  };
}
