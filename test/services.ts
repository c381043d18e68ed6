/**
 * Services of one's own for tests that stop, kill or empty them: on free ports of loopback, in folders of their own,
 * gone with the process that started them.
 *
 *   const redis = await ownRedis();
 *   await redis.start();
 *   await redis.restart("kill");
 *   await redis.remove();
 */
export { ownPgbouncer, pgbouncerProgram, type PgbouncerOptions } from "./services/pgbouncer.ts";
export { ownPostgres, postgresProgram, type PostgresOptions } from "./services/postgres.ts";
export { ownRabbitmq, rabbitmqProgram } from "./services/rabbitmq.ts";
export { ownRedis, redisProgram, type RedisOptions } from "./services/redis.ts";
export { freePort, type OwnOptions, type OwnService, type StopMode } from "./services/process.ts";
