import { describe, expect, test } from "vitest";
import { scheduleSpec } from "./schedule.ts";

describe("the schedule of a trigger", () => {
  test.each([
    [{ mode: "cron", cron_expression: " 0 9 * * * ", timezone: "Asia/Shanghai" }, "0 9 * * *", "Asia/Shanghai"],
    [{ mode: "cron", cron_expression: "@daily" }, "@daily", "UTC"],
    [{ frequency: "hourly", visual_config: { on_minute: 7 } }, "7 * * * *", "UTC"],
    [{ mode: "visual", frequency: "hourly" }, "0 * * * *", "UTC"],
    [{ mode: "visual", frequency: "daily", visual_config: { time: "2:30 PM" } }, "30 14 * * *", "UTC"],
    [{ mode: "visual", frequency: "daily", visual_config: { time: "12:05 AM" } }, "5 0 * * *", "UTC"],
    [{ mode: "visual", frequency: "daily", visual_config: { time: "12:00 pm" } }, "0 12 * * *", "UTC"],
    [
      { frequency: "weekly", visual_config: { time: "9:00 AM", weekdays: ["wed", "sun", "wed"] } },
      "0 9 * * 0,3",
      "UTC",
    ],
    [
      { frequency: "monthly", visual_config: { time: "9:00 AM", monthly_days: ["last", 15, "1"] } },
      "0 9 1,15,L * *",
      "UTC",
    ],
  ])("%j is %s in %s", (data, cron, zone) => {
    expect(scheduleSpec(data)).toEqual({ cron, zone });
  });

  test("is read under config as well, where nothing outer says otherwise", () => {
    const config = {
      mode: "visual",
      frequency: "daily",
      timezone: "Europe/Berlin",
      visual_config: { time: "1:00 AM" },
    };
    expect(scheduleSpec({ config })).toEqual({ cron: "0 1 * * *", zone: "Europe/Berlin" });
    expect(scheduleSpec({ config, mode: "cron", cron_expression: "5 5 * * *", timezone: "UTC" })).toEqual({
      cron: "5 5 * * *",
      zone: "UTC",
    });
  });

  test.each([
    {},
    { mode: "cron" },
    { mode: "cron", cron_expression: "" },
    { frequency: "yearly" },
    { frequency: "hourly", visual_config: { on_minute: 60 } },
    { frequency: "daily", visual_config: { time: "13:00 PM" } },
    { frequency: "daily", visual_config: { time: "noon" } },
    { frequency: "weekly", visual_config: { weekdays: [] } },
    { frequency: "weekly", visual_config: { weekdays: ["someday"] } },
    { frequency: "monthly", visual_config: { monthly_days: [0] } },
  ])("%j says no time", (data) => {
    expect(scheduleSpec(data)).toBeNull();
  });
});
