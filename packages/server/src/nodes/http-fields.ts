import { AppError, type Json } from "@weftwork/core";
import { z } from "zod";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const json = z.custom<Json>((value) => value !== undefined);
const pairs = z.record(z.string(), z.union([scalar, z.array(scalar)]));

const AUTH = "give {bearer}, {basic: {username, password}}, {header, value} or {query, value}";
const auth = z.union(
  [
    z.strictObject({ bearer: z.string().min(1) }),
    z.strictObject({ basic: z.strictObject({ username: z.string(), password: z.string() }) }),
    z.strictObject({ header: z.string().min(1), value: z.string() }),
    z.strictObject({ query: z.string().min(1), value: z.string() }),
  ],
  AUTH,
);

const paginate = z.strictObject({
  next: z.string().min(1).nullish(),
  link: z.boolean().nullish(),
  cursor: z.strictObject({ from: z.string().min(1), param: z.string().min(1) }).nullish(),
  items: z.string().nullish(),
  pages_max: z.int().min(1).max(10_000).nullish(),
  items_max: z.int().min(1).max(1_000_000).nullish(),
});

/** The fields of an `http` step, rendered. Null stands for a field that is left out. */
export const httpFields = z.object({
  method: z
    .string()
    .transform((method) => method.toUpperCase())
    .pipe(z.enum(METHODS))
    .nullish(),
  url: z.string().min(1),
  headers: z.record(z.string(), scalar).nullish(),
  query: pairs.nullish(),
  body: json.optional(),
  form: pairs.nullish(),
  multipart: z.record(z.string(), json).nullish(),
  file: json.optional(),
  auth: auth.nullish(),
  response: z.enum(["auto", "json", "text", "bytes", "file"]).nullish(),
  raise_for_status: z.boolean().nullish(),
  accept_status: z
    .array(z.union([z.int().min(100).max(599), z.string().regex(/^[1-5]xx$/i, "write 404 or 4xx")]))
    .nullish(),
  paginate: paginate.nullish(),
});

export type HttpFields = z.output<typeof httpFields>;
export type HttpAuth = z.output<typeof auth>;
export type Paginate = z.output<typeof paginate>;

/** Whether the step takes an answer of this status as its result. */
export function acceptsStatus(fields: Pick<HttpFields, "raise_for_status" | "accept_status">, status: number): boolean {
  if (status < 400 || fields.raise_for_status === false) return true;
  return (fields.accept_status ?? []).some((one) =>
    typeof one === "number" ? one === status : Number(one[0]) === Math.floor(status / 100),
  );
}

/** A mistake in the fields of the step: nothing was sent. */
export function fieldsRefused(reason: string): AppError {
  return new AppError("STEP_FAILED", { reason });
}
