export * from "./run.ts";
export * from "./detail.ts";
export * from "./workflow.ts";
export {
  WeftClient,
  type CallOptions,
  type ClientOptions,
  type PublishedWorkflow,
  type VersionOptions,
} from "./client.ts";
export { WeftError, type Problem } from "./problem.ts";
