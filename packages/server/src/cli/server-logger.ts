import { pino } from "pino";
import type { Config } from "../config.ts";

/** One JSON object a line. */
export function serverLogger(config: Pick<Config, "logLevel">): ReturnType<typeof pino> {
  return pino(
    {
      level: config.logLevel,
      base: null,
      messageKey: "msg",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
