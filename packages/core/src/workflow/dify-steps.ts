import type { Json, JsonObject } from "../base/json.ts";

/**
 * What steps that came from a Dify file hold besides the native fields. Such a workflow has `dify` set; its values are
 * no Jinja templates but plain JSON in which single maps are marks:
 *
 * - `{$select: [node, name, …keys], missing}`: the value that a selector leads to, with its type
 * - `{$text: "… {{#node.name#}} …", missing, form}`: text with references
 * - `{$jinja: "…", variables: {name: value}}`: a Jinja2 text that sees these variables only
 * - `{$first: [selector, …]}`: the first that is found; where none is, the member of the map is left out
 * - `{$files: [selector, …]}`: the files among these values; `{$some: map}`: the map, left out when it is empty
 * - `{$literal: value}`: a value taken as it stands, whatever it looks like
 *
 * Every other text is taken as it stands.
 */
export interface DifyFlow {
  /** `workflow`: inputs to outputs. `advanced-chat`: one run for each message of a conversation. */
  readonly mode: "workflow" | "advanced-chat";
  /** Version of the file's format. */
  readonly version: string;
  /** Start values of the conversation's variables, by name. */
  readonly conversation: Readonly<Record<string, DifyVariable>>;
  /** Names of environment values that are secret. */
  readonly secrets: readonly string[];
  /** Opening statement, suggested questions, uploads and the like, as written. */
  readonly features: JsonObject;
}

export interface DifyVariable {
  readonly type: string;
  readonly value: Json;
}

/** Where a value is found: a node or a namespace, a name, and keys into objects. At least two texts. */
export type Selector = readonly string[];

/**
 * What a reader does with a reference that leads nowhere. `null` takes null, `name` leaves the text `node.name`,
 * `fail` fails the step, `omit` leaves the member of the map or the element of the list out.
 */
export type Missing = "null" | "name" | "fail" | "omit";

/** One case of an if-else, or the conditions that end a loop. */
export interface DifyTest {
  readonly logical: "and" | "or";
  readonly conditions: readonly DifyCondition[];
}

export interface DifyCondition {
  readonly selector: Selector;
  readonly operator: string;
  /** A text may hold references. */
  readonly value: Json;
  /** What is asked of each file of a list of files. */
  readonly files: { readonly logical: "and" | "or"; readonly conditions: readonly FileCondition[] } | null;
}

export interface FileCondition {
  readonly key: string;
  readonly operator: string;
  readonly value: Json;
}

/** One field of a start node's form. */
export interface StartField {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly default: Json;
  readonly maxLength: number | null;
  readonly options: readonly string[];
  readonly schema: JsonObject | null;
}

/** A node that a run may begin at. Of several one begins; what stands behind the others counts as skipped. */
export interface DifyRoot {
  readonly type: "start" | "webhook" | "schedule" | "plugin";
  /** The one that begins where a run names none. */
  readonly isDefault: boolean;
  /** What a webhook takes and answers; null for the others. */
  readonly webhook: WebhookSpec | null;
  /** When a schedule begins runs, as its node says it; left out for the others, and where it says no time. */
  readonly schedule?: ScheduleSpec;
}

/** Times by a cron expression and the zone that it is read in (an IANA name). */
export interface ScheduleSpec {
  readonly cron: string;
  readonly zone: string;
}

/** The calls that a webhook takes, and its answer. */
export interface WebhookSpec {
  /** In upper case. */
  readonly method: string;
  /** In lower case; empty: any. */
  readonly contentType: string;
  readonly headers: readonly WebhookField[];
  readonly params: readonly WebhookField[];
  readonly body: readonly WebhookField[];
  readonly status: number;
  readonly responseBody: string;
}

export interface WebhookField {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
}

/** One line of a variable assigner. */
export interface Assignment {
  /** `[conversation, name]` or `[loop id, label]`. */
  readonly target: Selector;
  readonly targetType: string;
  readonly operation: string;
  /** Where the input stands; null for a constant or for none. */
  readonly from: Selector | null;
  readonly constant: Json;
}

/** What an iteration does beyond `for_each`. */
export interface IterationRules {
  /** Lists of results are put together into one. */
  readonly flatten: boolean;
}

/** What a loop does beyond the native one. */
export interface LoopRules {
  /** Inner steps that end the loop when they were reached. */
  readonly ends: readonly string[];
}

/** A question to people, with the buttons they answer by. */
export interface HumanRules {
  readonly actions: readonly { readonly id: string; readonly title: string; readonly style: string }[];
  readonly inputs: readonly JsonObject[];
  readonly delivery: readonly JsonObject[];
}
