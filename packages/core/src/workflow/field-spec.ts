/**
 * What a field holds. `text` is a text with templates; `name` a text taken as it stands; `expression` a bare
 * expression; `any` every value, its texts being templates. The last row have readers of their own.
 */
export type FieldKind =
  | "text"
  | "name"
  | "expression"
  | "any"
  | "map"
  | "schema"
  | "list"
  | "boolean"
  | "integer"
  | "number"
  | "duration"
  | "choice"
  | ("id" | "type" | "depends_on" | "on_error" | "steps" | "cases" | "names" | "memory" | "time");

export interface FieldSpec {
  readonly kind: FieldKind;
  readonly about: string;
  readonly required?: true;
  /** A template may stand in place of the value. */
  readonly template?: true;
  /** The executor sends it outside: `secrets.NAME` may stand in it, and nowhere else. */
  readonly outward?: true;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** The fields of a map. Left out: a map of anything. */
  readonly fields?: MapSpec;
  /** Also accepted in place of the map: the value of this one field. */
  readonly short?: string;
}

export interface MapSpec {
  readonly fields: Readonly<Record<string, FieldSpec>>;
  /** Exactly one of each group must be there. */
  readonly oneOf?: readonly (readonly string[])[];
  /** At most one of each group may be there. */
  readonly atMostOne?: readonly (readonly string[])[];
}

export interface TypeSpec extends MapSpec {
  readonly about: string;
}

type Extra = Omit<FieldSpec, "kind" | "about">;
/** A field that may be left out. */
export const field = (kind: FieldKind, about: string, extra: Extra = {}): FieldSpec => ({ kind, about, ...extra });
/** A field that must be there. */
export const needed = (kind: FieldKind, about: string, extra: Extra = {}): FieldSpec =>
  field(kind, about, { ...extra, required: true });
/** A field in place of which a template may stand. */
export const open = (kind: FieldKind, about: string, extra: Extra = {}): FieldSpec =>
  field(kind, about, { ...extra, template: true });
