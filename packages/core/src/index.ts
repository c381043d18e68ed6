export * from "./base/json.ts";
export * from "./base/errors.ts";
export * from "./base/duration.ts";
export * from "./workflow/workflow.ts";
