/** A trigger of the newest version of a published workflow. */
export interface Trigger {
  readonly workflow: string;
  readonly version: string;
  /** Id of its node. */
  readonly node: string;
  /** Webhooks receive calls, schedules have times; all begin by hand when a run names this node as its `root`. */
  readonly type: "webhook" | "schedule" | "plugin";
  /** Whether runs begin by it: a webhook has an address, a schedule is enabled. */
  readonly active: boolean;
  /** What calls must be; null where it is no webhook. */
  readonly method: string | null;
  readonly content_type: string | null;
  /** Name of the secret that calls must be signed with; null: none. */
  readonly secret: string | null;
  /** When its address was made, or its schedule. */
  readonly created_at: string | null;
  /** The rule of a schedule, as its node says it; null where it says none. */
  readonly cron: string | null;
  readonly zone: string | null;
  /** Name of the schedule that begins runs at it. */
  readonly schedule: string | null;
}

/** A webhook with its address, which is told this one time. */
export interface TriggerAddress extends Trigger {
  /** Path on this server; whoever knows it can begin runs. */
  readonly path: string;
}

/** What makes an address. An earlier one of the same webhook is void from then on. */
export interface TriggerRotation {
  readonly workflow: string;
  readonly node: string;
  /** Name of a secret; null: none. Left out: as it is. */
  readonly secret?: string | null;
}
