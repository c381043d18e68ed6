import { ownPostgres, ownRabbitmq, ownRedis, rabbitmqProgram, redisProgram, type OwnService } from "../services.ts";

export const TRANSPORTS = ["postgres", "redis", "rabbitmq"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** The services of one scenario, and the settings by which processes find them. */
export interface Services {
  readonly postgres: OwnService;
  /** Null: PostgreSQL itself carries the tickets. */
  readonly broker: OwnService | null;
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** Why the transport cannot be used on this machine; null: it can. */
export function missing(transport: TransportName): string | null {
  if (transport === "redis" && redisProgram() === null) return "redis-server is not installed";
  if (transport === "rabbitmq" && rabbitmqProgram() === null) return "rabbitmq-server is not installed";
  return null;
}

/** Starts them on free ports of loopback, in folders of their own. */
export async function openServices(transport: TransportName): Promise<Services> {
  const postgres = await ownPostgres();
  const broker = transport === "redis" ? await ownRedis() : transport === "rabbitmq" ? await ownRabbitmq() : null;
  const remove = async (): Promise<void> => {
    await Promise.all([postgres.remove(), broker?.remove()]);
  };
  try {
    await Promise.all([postgres.start(), broker?.start()]);
  } catch (error) {
    await remove();
    throw error;
  }
  const variable = transport === "redis" ? "WEFT_REDIS_URL" : "WEFT_RABBITMQ_URL";
  return {
    postgres,
    broker,
    env: {
      WEFT_DATABASE_URL: postgres.url,
      WEFT_TRANSPORT: transport,
      ...(broker === null ? {} : { [variable]: broker.url }),
    },
    remove,
  };
}
