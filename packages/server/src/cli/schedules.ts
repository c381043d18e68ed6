import type { JsonObject } from "@weftwork/core";
import type { NewSchedule, Schedule, ScheduleDetail, ScheduleFire, WeftClient } from "@weftwork/sdk";
import { readInputs } from "./inputs.ts";
import { say } from "./language.ts";
import { print, remote, type RemoteOptions } from "./remote.ts";
import { table } from "./table.ts";
import { readInputText } from "./text-files.ts";
import { timeAhead } from "./times.ts";
import { watchRun } from "./watch.ts";

/** `weft schedules ls` */
export function schedulesList(options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const data = await client.schedules.list();
    print(options, { data, next_cursor: null }, () => (data.length === 0 ? say("schedules.none") : listing(data)));
  });
}

export interface AddOptions extends RemoteOptions {
  readonly input: readonly string[];
  readonly cron?: string;
  readonly zone?: string;
  readonly catchUp?: string;
  readonly overlap?: string;
  readonly jitter?: string;
  readonly starts?: string;
  readonly ends?: string;
  readonly version?: string;
  readonly root?: string;
  readonly priority?: string;
}

/** `weft schedules add NAME WORKFLOW`. What a rule may be the server knows, and says so. */
export function schedulesAdd(name: string, workflow: string, options: AddOptions): Promise<number> {
  const { cron, zone, catchUp, overlap, jitter, starts, ends, version, root, priority } = options;
  const now = Date.now();
  const same = { cron, zone, catch_up: catchUp, overlap, jitter, version, root, priority };
  const given = {
    ...same,
    starts_at: starts === undefined ? undefined : timeAhead(starts, now),
    ends_at: ends === undefined ? undefined : timeAhead(ends, now),
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return remote(options, async (client) => {
    const inputs = await inputsOf(client, workflow, options);
    const made = await client.schedules.create({ name, workflow, inputs, ...set } as NewSchedule);
    print(options, made, () => say("schedules.added", { name, time: made.next_at ?? "" }));
  });
}

/** `weft schedules show SCHEDULE` */
export function schedulesShow(schedule: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const shown = await client.schedules.get(schedule);
    print(options, shown, () => detail(shown));
  });
}

/** `weft schedules pause SCHEDULE` and `weft schedules resume SCHEDULE` */
export function schedulesSteer(schedule: string, verb: "pause" | "resume", options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    const after = await client.schedules[verb](schedule);
    print(options, after, () =>
      after.next_at === null
        ? say("schedules.stands", { name: after.name, status: stateOf(after) })
        : say("schedules.goes_on", { name: after.name, time: after.next_at }),
    );
  });
}

/** `weft schedules remove SCHEDULE` */
export function schedulesRemove(schedule: string, options: RemoteOptions): Promise<number> {
  return remote(options, async (client) => {
    await client.schedules.remove(schedule);
    print(options, { schedule, removed: true }, () => say("schedules.removed", { name: schedule }));
  });
}

/** `weft schedules trigger SCHEDULE` */
export function schedulesTrigger(
  schedule: string,
  options: RemoteOptions & { readonly watch?: boolean },
): Promise<number> {
  return remote(options, async (client) => {
    const begun = await client.schedules.trigger(schedule);
    if (options.watch === true) return watchRun(client, begun.run, options);
    return print(options, begun, () => say("run.started", { run: begun.run }));
  });
}

export interface NextOptions extends RemoteOptions {
  readonly zone?: string;
  readonly after?: string;
  readonly count?: string;
}

/** `weft schedules next CRON`: one time a line. */
export function schedulesNext(cron: string, options: NextOptions): Promise<number> {
  const { zone, after, count } = options;
  return remote(options, async (client) => {
    const preview = await client.schedules.preview({
      cron,
      ...(zone === undefined ? {} : { zone }),
      ...(after === undefined ? {} : { after: timeAhead(after, Date.now()) }),
      ...(count === undefined ? {} : { count: Number(count) }),
    });
    print(options, preview, () => preview.times.join("\n"));
  });
}

/** Values as the version that will run declares them. */
async function inputsOf(client: WeftClient, workflow: string, { input, version }: AddOptions): Promise<JsonObject> {
  if (input.length === 0) return {};
  const { inputs: schema } = await client.workflow(workflow, version === undefined ? {} : { version });
  return readInputs(input, schema, readInputText);
}

function listing(data: readonly Schedule[]): string {
  return table(
    [
      say("column.name"),
      say("column.workflow"),
      say("column.status"),
      say("column.cron"),
      say("column.zone"),
      say("column.next"),
      say("column.error"),
    ],
    data.map((one) => [
      one.name,
      one.workflow,
      stateOf(one),
      one.cron,
      one.zone,
      one.next_at ?? "",
      one.last_error?.code ?? "",
    ]),
  );
}

function detail(schedule: ScheduleDetail): string {
  const { name, workflow, cron, zone, next, fires, last_error: error, failures } = schedule;
  const head = `${name}: ${workflow}, ${cron} (${zone}), ${stateOf(schedule)}`;
  const lines = [head];
  if (error !== null) lines.push(say("schedules.failing", { count: failures, message: error.message }));
  if (next.length > 0) lines.push("", `${say("column.next")}: ${next.join(", ")}`);
  if (fires.length > 0)
    lines.push(
      "",
      table(
        [say("column.due"), say("column.outcome"), say("column.run"), say("column.error")],
        fires.map((fire) => [
          fire.until === null || fire.until === fire.due_at ? fire.due_at : `${fire.due_at} – ${fire.until}`,
          say(OUTCOMES[fire.outcome]),
          fire.run ?? "",
          fire.error?.message ?? "",
        ]),
      ),
    );
  return lines.join("\n");
}

function stateOf({ status }: Schedule): string {
  return say(STATES[status]);
}

const STATES = {
  active: "schedules.active",
  paused: "schedules.paused",
  ended: "schedules.ended",
} as const satisfies Record<Schedule["status"], string>;

const OUTCOMES = {
  started: "fire.started",
  triggered: "fire.triggered",
  skipped: "fire.skipped",
  missed: "fire.missed",
  failed: "fire.failed",
} as const satisfies Record<ScheduleFire["outcome"], string>;
