import { AppError, type JsonObject } from "@weftwork/core";
import type { Tool } from "../tool.ts";

/** The time now in a time zone of the IANA list, with all that a model gets wrong when it computes it itself. */
export function currentTime(now: () => number): Tool {
  return {
    name: "current_time",
    description: "The date and time now, with the day of the week, in a time zone (UTC unless another is named).",
    parameters: {
      type: "object",
      properties: {
        timezone: { type: "string", description: "Name of the IANA list, such as Europe/Berlin or Asia/Shanghai." },
      },
      additionalProperties: false,
    },
    async call({ timezone = "UTC" }) {
      return timeIn(now(), String(timezone));
    },
  };
}

function timeIn(now: number, timezone: string): JsonObject {
  const parts = Object.fromEntries(
    formatOf(timezone)
      .formatToParts(now)
      .map(({ type, value }) => [type, value]),
  );
  const { year, month, day, hour, minute, second, weekday, timeZoneName = "GMT" } = parts;
  const offset = timeZoneName.replace(/^GMT/, "") || "+00:00";
  const time = `${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`;
  return { time, weekday: weekday!, timezone, unix: Math.floor(now / 1000) };
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      weekday: "long",
      timeZoneName: "longOffset",
    });
  } catch {
    const reason = `${timeZone} is no time zone; give a name of the IANA list, such as Europe/Berlin`;
    throw new AppError("TOOL_FAILED", { tool: "current_time", reason });
  }
}
