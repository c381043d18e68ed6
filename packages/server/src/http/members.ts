import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";

/** What a member of a request body must be; the answer says what is wrong, null when nothing is. */
export type MemberCheck = (value: Json) => string | null;

export interface MemberRule {
  readonly check: MemberCheck;
  readonly required?: true;
}

/**
 * Checks the members of a small body against a table. All that is wrong is told at once, unknown members included: one
 * that is passed over in silence is a setting its sender believes to have made. Values are looked at, never copied.
 */
export function checkMembers(body: JsonObject, rules: Readonly<Record<string, MemberRule>>): void {
  const errors: { detail: string; pointer: string }[] = [];
  for (const name of Object.keys(body)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    const problem = rule ? rule.check(body[name]!) : unknown(name, Object.keys(rules));
    if (problem !== null) errors.push({ detail: `${name} ${problem}`, pointer: `#/${pointerPart(name)}` });
  }
  for (const [name, rule] of Object.entries(rules)) {
    if (rule.required && !Object.hasOwn(body, name)) errors.push({ detail: `${name} is missing`, pointer: "#" });
  }
  if (errors.length === 0) return;
  const reason = errors.map((error) => error.detail).join("; ");
  throw new AppError("INVALID_REQUEST", { reason, errors });
}

/** What becomes a name or a column: no database's text has a character 0. */
export const text =
  (longest: number): MemberCheck =>
  (value) =>
    anyText(longest)(value) ?? ((value as string).includes("\0") ? "must not have a character 0" : null);

/** The same for what is kept inside of JSON, or sealed. */
export const anyText =
  (longest: number): MemberCheck =>
  (value) => {
    if (typeof value !== "string") return `must be a text, and is ${kindOf(value)}`;
    return value.length > 0 && value.length <= longest ? null : `must have 1 to ${longest} characters`;
  };

export const object: MemberCheck = (value) =>
  isJsonObject(value) ? null : `must be an object, and is ${kindOf(value)}`;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

export const time: MemberCheck = (value) =>
  typeof value === "string" && TIME.test(value) && !Number.isNaN(Date.parse(value))
    ? null
    : "must be a time such as 2026-11-21T10:00:00Z";

export const anything: MemberCheck = () => null;

function kindOf(value: Json): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

function unknown(name: string, known: readonly string[]): string {
  const wanted = plain(name);
  const meant = known.find(
    (one) => plain(one) === wanted || wanted.startsWith(plain(one)) || plain(one).startsWith(wanted),
  );
  return `is not known here; ${meant === undefined ? `known are ${known.join(", ")}` : `did you mean ${meant}?`}`;
}

/** `runAt`, `run-at` and `Run_At` are the same name to a reader. */
function plain(name: string): string {
  return name.slice(0, 64).replaceAll(/[_-]/g, "").toLowerCase();
}

function pointerPart(name: string): string {
  return name.slice(0, 100).replaceAll("~", "~0").replaceAll("/", "~1");
}
