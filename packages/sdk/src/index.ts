export * from "./run.ts";
export type { FileLink, FileResource, FileValue, UploadOptions } from "./file.ts";
export * from "./conversation.ts";
export type { ConversationClient } from "./conversation-client.ts";
export * from "./detail.ts";
export * from "./export.ts";
export * from "./secret.ts";
export * from "./trigger.ts";
export * from "./workflow.ts";
export {
  WeftClient,
  type CallOptions,
  type ClientOptions,
  type PublishedWorkflow,
  type RepeatableOptions,
  type ScopeOptions,
  type VersionOptions,
} from "./client.ts";
export type { StreamOptions, StreamTransport } from "./stream.ts";
export { WeftError, type Problem } from "./problem.ts";
